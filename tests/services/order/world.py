"""A small world for the order's rules: the decisions of the service against rows in memory, one message at a time.

What the lane does for real (load what is wanted, take changes, fire timers) is done here with dictionaries; the laws
that the lane asserts on every decision are asserted here too. Participants answer as the test tells them to.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from services.kernel.decision import Aggregate, Busy, Command, Decision, Done, Event, Known, Missing, Outcome, Refused, Rule
from services.kernel.errors import Defect, SettlementError
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.participant import IsBusy
from services.kernel.saga import Reply, Run, Verdict
from services.order.decisions import RULES, TIMERS
from services.order.domain.commands import (
    ApproveReturn,
    ConfirmDelivery,
    ConfirmShipment,
    NewLine,
    NewTender,
    PlaceOrder,
    RegisterWaybill,
    RequestReturn,
)
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, Refund
from services.order.domain.participation import (
    CREDIT_LEDGER,
    CardEffect,
    ClawBackFromMerchant,
    CreditEffect,
    RefundCard,
    RefundTenders,
)
from services.order.domain.plans import Movement
from services.order.domain.pricing import Promotion
from services.order.domain.returns import ReturnCase
from services.order.domain.states import OrderState
from services.order.domain.tenders import TenderType

A = TypeVar("A", bound=Aggregate)
NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
ORDER_ID = "ord_1"


@dataclass
class World:
    """One order service. `ask` decides a call; `answer` and `settle` play the participants; `turn` moves the clock."""

    now: datetime = NOW
    rows: dict[tuple[type, str], Aggregate] = field(default_factory=dict)
    timers: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    sent: list[Command] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    number: int = 0
    refund_state: str = "SUCCEEDED"
    uncovered_minor: int = 0

    # -- reading

    @property
    def order(self) -> Order:
        """The order of this world."""
        return self._row(Order, ORDER_ID)

    def state(self) -> OrderState:
        """Where the order stands."""
        return self.order.state

    def refund(self) -> Refund:
        """The order's first refund."""
        return self.order.refunds[0]

    def case(self, return_id: str) -> ReturnCase:
        """A return case."""
        return self._row(ReturnCase, return_id)

    def run(self, saga_id: str) -> Run:
        """A settlement's run."""
        return self._row(Run, saga_id)

    def facts(self) -> list[str]:
        """The names of all events, in order."""
        return [type(event.body).__name__ for event in self.events]

    # -- deciding

    def ask(self, body: object, key: str = ORDER_ID) -> Outcome:
        """Decide a call."""
        self.number += 1
        fresh_id = f"{self.number:032x}"
        return self._decide(RULES[type(body)], Message(f"request-{self.number}", key, body, fresh_id))

    def turn(self, by: timedelta) -> None:
        """Move the clock and fire what is due, the earliest first."""
        self.now += by
        for _ in range(1000):
            due = sorted((at, kind, key) for (kind, key), (_, at) in self.timers.items() if at <= self.now)
            if not due:
                return
            at, kind, key = due[0]
            root = self.timers.pop((kind, key))[0]
            message = Message("", root, TimerDue(kind, key, at), f"{kind}/{key}/{at.timestamp()}")
            self._decide(TIMERS[kind], message)
        raise Defect("timers without an end")

    def answer(self, command: Command, verdict: Verdict = Verdict.DONE, reason: str = "") -> Outcome:
        """Let a participant answer one command."""
        assert command.saga is not None
        done = verdict is Verdict.DONE and command.saga.op in (Op.TRY, Op.EXECUTE)
        money: Movement = command.body.money  # type: ignore[attr-defined]  # every command of ours has it
        in_ledger = command.participant == CREDIT_LEDGER
        moved = money.credit_vector() if in_ledger else money.card_vector()
        reply = Reply(
            command.saga.saga_id, command.saga.branch, command.saga.op, verdict, reason, moved if done else (),
            self._effect(command) if done else None,
        )
        return self._decide(RULES[Reply], Message("", ORDER_ID, reply, "reply"))

    def settle(self, refuse: str = "", reason: str = "") -> None:
        """Let all participants answer until nothing is sent any more; `refuse` names one that says no to TRY/EXECUTE."""
        while self.sent:
            command = self.sent.pop(0)
            assert command.saga is not None
            no = command.participant == refuse and command.saga.op in (Op.TRY, Op.EXECUTE)
            self.answer(command, Verdict.REFUSED if no else Verdict.DONE, reason if no else "")

    def _decide(self, rule: Rule, message: Message) -> Outcome:
        known = Known()
        wanted = rule.wants(message.body, message)
        for _ in range(8):
            for kind, key in wanted:
                row = self.rows.get((kind, key))
                known.load(kind, {key: row} if row is not None else {}, [key])
            try:
                decision: Decision = rule.decide(known, message.body, message, self.now)
            except Missing as more:
                wanted = more.rows
                continue
            except SettlementError as error:
                return Refused.of(error)
            except IsBusy as busy:
                return Busy(busy.holder)
            self._take(decision)
            return decision.outcome
        raise Defect("asks for more without an end")

    def _take(self, decision: Decision) -> None:
        for row in decision.changes:
            before = self.rows.get((type(row), row.key))
            assert row.version - (before.version if before is not None else row.version) in (0, 1)
            self.rows[type(row), row.key] = row
        self.events += decision.events
        assert [event.sequence for event in self.events] == list(range(1, len(self.events) + 1))
        self.sent += decision.commands
        for timer in decision.timers:
            self.timers[timer.kind, timer.key] = (timer.root, timer.due_at)
        for cleared in decision.cleared:
            self.timers.pop(cleared, None)

    def _effect(self, command: Command) -> CreditEffect | CardEffect | None:
        body = command.body
        if isinstance(body, ClawBackFromMerchant):
            return None
        if command.participant == CREDIT_LEDGER:
            return CreditEffect(self.now, self.refund_state if isinstance(body, RefundTenders) else "")
        return CardEffect(self.now, uncovered_minor=self.uncovered_minor if isinstance(body, RefundCard) else 0)

    def _row(self, kind: type[A], key: str) -> A:
        return self.rows[kind, key]  # type: ignore[return-value]  # rows are filed under their own type


def new_order(
    lines: tuple[tuple[str, int, int], ...] = (("L1", 1, 100_000),),
    tenders: tuple[tuple[TenderType, int], ...] = ((TenderType.CREDIT, 100_000),),
    promotions: tuple[Promotion, ...] = (),
    coupon_minor: int = 0,
) -> PlaceOrder:
    """An order of these lines (name, quantity, price) and tenders."""
    references = {TenderType.GIFTCARD: "crd_1", TenderType.BANKCARD: "pay_1"}
    return PlaceOrder(
        ORDER_ID, "customer", "merchant", "acc_1", tuple(NewLine(*line) for line in lines),
        tuple(NewTender(kind, amount, references.get(kind, "")) for kind, amount in tenders), promotions, CreditTerms(),
        coupon_minor,
    )


TWO = new_order((("L1", 2, 30_000), ("L2", 1, 40_000)))
"""Two lines, one of two units."""


def placed(body: PlaceOrder | None = None) -> World:
    """A world with this order placed."""
    world = World()
    assert isinstance(world.ask(body or new_order()), Done)
    world.settle()
    return world


def shipped(body: PlaceOrder | None = None) -> World:
    """A world with this order placed and shipped."""
    world = placed(body)
    assert isinstance(world.ask(ConfirmShipment(ORDER_ID)), Done)
    world.settle()
    return world


def delivered(world: World | None = None) -> World:
    """A world whose order arrived."""
    world = world or shipped(TWO)
    assert isinstance(world.ask(ConfirmDelivery(ORDER_ID)), Done)
    return world


def case_of(outcome: Outcome) -> ReturnCase:
    """The return case that was answered."""
    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.result, ReturnCase)
    return outcome.result


def requested(world: World, **quantities: int) -> ReturnCase:
    """A new return case."""
    return case_of(world.ask(RequestReturn(ORDER_ID, units(**quantities))))


def sent_back(world: World, **quantities: int) -> ReturnCase:
    """A return on its way."""
    case = requested(world, **quantities)
    world.ask(ApproveReturn(ORDER_ID, case.id))
    return case_of(world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1")))


def units(**quantities: int) -> tuple[LineQuantity, ...]:
    """`units(L1=2)`."""
    return tuple(LineQuantity(name, quantity) for name, quantity in quantities.items())


def reason_of(outcome: Outcome) -> str:
    """Why it was refused; "" if it was not."""
    return outcome.reason if isinstance(outcome, Refused) else "BUSY" if isinstance(outcome, Busy) else ""
