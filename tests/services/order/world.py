"""A small world for the order's rules: the service in memory, and participants that answer as a test tells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kernel.decision import Command, Rule
from services.kernel.effects import Arrived
from services.kernel.messages import Op
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
from tests.in_memory import InMemory, Step

ORDER_ID = "ord_1"


@dataclass
class World(InMemory):
    """One order service with one order. `ask` decides a call; `answer` and `settle` play the participants."""

    rules: Mapping[type, Rule] = field(default_factory=lambda: RULES)
    timer_rules: Mapping[str, Rule] = field(default_factory=lambda: TIMERS)
    name: str = "order"
    refund_state: str = "SUCCEEDED"
    uncovered_minor: int = 0

    # -- reading

    @property
    def order(self) -> Order:
        """The order of this world."""
        return self.row(Order, ORDER_ID)

    def state(self) -> OrderState:
        """Where the order stands."""
        return self.order.state

    def refund(self) -> Refund:
        """The order's first refund."""
        return self.order.refunds[0]

    def case(self, return_id: str) -> ReturnCase:
        """A return case."""
        return self.row(ReturnCase, return_id)

    def run(self, saga_id: str) -> Run:
        """A settlement's run."""
        return self.row(Run, saga_id)

    def facts(self) -> list[str]:
        """The names of all events, in order."""
        return [type(event.body).__name__ for event in self.events]

    # -- deciding

    def ask(self, body: object, key: str = ORDER_ID) -> Step:
        """Decide a call."""
        return self.when(key, body)

    def step(self, arrived: Arrived) -> Step:
        """Decide one message; the events of the one order are numbered from 1 without a gap."""
        step = super().step(arrived)
        assert [event.sequence for event in self.events] == list(range(1, len(self.events) + 1))
        return step

    def answer(self, command: Command, verdict: Verdict = Verdict.DONE, reason: str = "") -> None:
        """Let a participant answer one command."""
        assert command.saga is not None
        done = verdict is Verdict.DONE and command.saga.op in (Op.TRY, Op.EXECUTE)
        money: Movement = command.body.money  # type: ignore[attr-defined]  # every command of ours has it
        in_ledger = command.participant == CREDIT_LEDGER
        moved = money.credit_vector() if in_ledger else money.card_vector()
        self.reply(ORDER_ID, Reply(
            command.saga.saga_id, command.saga.branch, command.saga.op, verdict, reason,
            moved=moved if done else (), result=self._effect(command) if done else None,
        ))

    def settle(self, refuse: str = "", reason: str = "") -> None:
        """Let all participants answer until nothing is sent; `refuse` names one that says no to TRY and EXECUTE."""
        while self.sent:
            command = self.sent.pop(0)
            assert command.saga is not None
            no = command.participant == refuse and command.saga.op in (Op.TRY, Op.EXECUTE)
            self.answer(command, Verdict.REFUSED if no else Verdict.DONE, reason if no else "")

    def _effect(self, command: Command) -> CreditEffect | CardEffect | None:
        body = command.body
        if isinstance(body, ClawBackFromMerchant):
            return None
        if command.participant == CREDIT_LEDGER:
            return CreditEffect(self.now, self.refund_state if isinstance(body, RefundTenders) else "")
        return CardEffect(self.now, uncovered_minor=self.uncovered_minor if isinstance(body, RefundCard) else 0)


def new_order(
    lines: tuple[tuple[str, int, int], ...] = (("L1", 1, 100_000),),
    tenders: tuple[tuple[TenderType, int], ...] = ((TenderType.CREDIT, 100_000),),
    promotions: tuple[Promotion, ...] = (),
    coupon_minor: int = 0,
) -> PlaceOrder:
    """An order of these lines (name, quantity, price) and tenders."""
    references = {TenderType.GIFTCARD: "crd_1", TenderType.BANKCARD: "pay_1"}
    return PlaceOrder(
        order_id=ORDER_ID, customer_id="customer", merchant_id="merchant", account_id="acc_1",
        lines=tuple(NewLine(*line) for line in lines),
        tenders=tuple(NewTender(kind, amount, references.get(kind, "")) for kind, amount in tenders),
        promotions=promotions, terms=CreditTerms(), coupon_minor=coupon_minor,
    )


TWO = new_order((("L1", 2, 30_000), ("L2", 1, 40_000)))
"""Two lines, one of two units."""

MIXED = new_order(
    (("L1", 1, 60_000), ("L2", 1, 40_000)),
    ((TenderType.CREDIT, 50_000), (TenderType.WALLET, 30_000), (TenderType.GIFTCARD, 20_000)),
)
"""Two lines, paid by three tenders of both services."""


def placed(body: PlaceOrder | None = None) -> World:
    """A world with this order placed."""
    world = World()
    assert world.ask(body or new_order()).reason == ""
    world.settle()
    return world


def shipped(body: PlaceOrder | None = None) -> World:
    """A world with this order placed and shipped."""
    world = placed(body)
    assert world.ask(ConfirmShipment(ORDER_ID)).reason == ""
    world.settle()
    return world


def delivered(world: World | None = None) -> World:
    """A world whose order arrived."""
    world = world or shipped(TWO)
    assert world.ask(ConfirmDelivery(ORDER_ID)).reason == ""
    return world


def sent(world: World) -> list[tuple[str, str, str]]:
    """What waits for the participants: who, which operation, what."""
    return [(c.participant, c.saga.op.name if c.saga else "", type(c.body).__name__) for c in world.sent]


def case_of(step: Step) -> ReturnCase:
    """The return case that was answered."""
    result = step.result
    assert isinstance(result, ReturnCase)
    return result


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
