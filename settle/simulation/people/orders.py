"""The story of one order: placed, shipped or cancelled, sent back, refunded, undone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.credit_ledger.domain.model import commands as credit
from services.order.domain import commands
from services.order.domain.credit_terms import CreditTerms, PlanKind, Route, Strategy
from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.domain.states import ReturnState
from services.order.domain.tenders import TenderType
from settle.simulation.agenda import MINUTE, MS, SECOND, Steps
from settle.simulation.people.accounts import account_of

if TYPE_CHECKING:
    from settle.simulation.world import World

C, W, G, B = TenderType.CREDIT, TenderType.WALLET, TenderType.GIFTCARD, TenderType.BANKCARD
MIXES: Sequence[tuple[TenderType, ...]] = (
    (C,), (C, W), (C,), (C, G), (C, B), (W,), (G,), (C, W, G), (C, W, G, B), (B,), (G, B), (C, W),
)
TERMS = (
    CreditTerms(), CreditTerms(instalment_count=3, fee_ppm=5_000, free_days=7),
    CreditTerms(instalment_count=6, fee_ppm=6_000, strategy=Strategy.LAST_FIRST),
    CreditTerms(instalment_count=12, fee_ppm=5_500, strategy=Strategy.EQUAL),
    CreditTerms(plan=PlanKind.DEFERRED, flat_fee_minor=600, term_days=30, route=Route.FLASH),
)
AFTER_SALE_MAX = 5


class OrderStory:
    """Everybody who has to do with one order. The tape of the order says who does what."""

    def __init__(self, world: "World", number: int) -> None:
        swarm = world.swarm
        self.world, self.track = world, world.tape.track(f"order {number}")
        self.id = f"ord_{number}"
        self.owner = self.track.below(swarm.accounts)
        self.account, self.customer = account_of(swarm, self.owner), f"cus_{self.owner}"
        self.merchant = f"mer_{self.track.below(swarm.merchants)}"
        self.card = f"crd_{self.owner}_{self.track.below(swarm.cards)}"

    @property
    def order(self) -> Order | None:
        """The order as it is."""
        return self.world.stores["order"].rows[Order].get(self.id)

    def steps(self) -> Steps:
        """From the cart to the last complaint."""
        yield self.track.below(self.world.swarm.spread + 1)
        asked = f"place-{self.id}"
        placed = yield from self.world.desk.ask("order", self.id, self._placed(), asked)
        if self.track.chance(self.world.swarm.twice):
            yield from self.world.desk.again(asked, commands.ConfirmDelivery(self.id))
        if placed.reason:
            return
        yield from self._settled()
        if self.order is None or not self.order.open:
            return
        begin = self.track.pick((self._ship, self._ship, self._cancel, self._race, self._part, self._leave))
        yield from begin()
        for _ in range(self.track.below(AFTER_SALE_MAX)):
            yield self.track.below(5 * SECOND)
            act = self.track.pick((
                self._reduce, self._send_back, self._reduce, self._undo, self._confirm_network, self._charge_back,
                self._send_back, self._cancel, self._refuse, self._undo,
            ))
            yield from act()

    def _placed(self) -> commands.PlaceOrder:
        mix, track = self.track.pick(MIXES), self.track
        units = 1 + track.below(3)
        lines = [commands.NewLine("L1", units, 1_000 + track.below(5_000), title="a thing")]
        if track.below(2):
            lines.append(commands.NewLine("L2", 1, 1 + track.below(3_000), title="another"))
        whole = sum(line.quantity * line.unit_price_minor for line in lines)
        tenders, left = [], whole
        for kind in mix[:-1]:
            share = track.below(left + 1)
            left -= share
            tenders.append(self._tender(kind, share))
        tenders.append(self._tender(mix[-1], left))
        return commands.PlaceOrder(
            order_id=self.id, customer_id=self.customer, merchant_id=self.merchant, account_id=self.account,
            lines=tuple(lines), tenders=tuple(tenders), terms=track.pick(TERMS) if C in mix else None,
            coupon_minor=track.pick((0, 0, 100, 999)),
        )

    def _tender(self, kind: TenderType, amount: int) -> commands.NewTender:
        shared = self.track.below(40) == 39  # two orders want the same payment
        reference = {G: self.card, B: "pay_shared" if shared else f"pay_{self.id}"}.get(kind, "")
        if kind is B:
            self.world.taken[reference] = max(amount, self.world.taken.get(reference, 0))
        return commands.NewTender(kind, amount, reference)

    # -- before it is theirs

    def _ship(self) -> Steps:
        yield from self._ask(commands.ConfirmShipment(self.id, waybill_number="SF1"))
        yield from self._settled()
        if self.track.below(3) != 2:
            yield from self._ask(commands.ConfirmDelivery(self.id))

    def _cancel(self) -> Steps:
        yield from self._ask(self._cancelled())
        yield from self._settled()

    def _cancelled(self) -> commands.CancelOrder:
        if self.track.below(6) == 5:
            return commands.CancelOrder(self.id, "SUPPORT", operator_id="op-1")
        return commands.CancelOrder(self.id, "NOT_WANTED", customer_id=self.customer)

    def _race(self) -> Steps:
        """The merchant's click and the customer's, at once."""
        reached = self.world.reached
        self.world.agenda.start(self._later(self.track.below(10 * MS), self._cancelled()))
        shipped = yield from self._ask(commands.ConfirmShipment(self.id))
        yield from self._settled()
        reached.note("cancel_beats_shipment" if shipped.reason else "shipment_beats_cancel")

    def _part(self) -> Steps:
        """Some of it ships; the rest is cancelled, ships later, or waits."""
        units = (LineQuantity("L1", 1),)
        yield from self._ask(commands.ConfirmShipment(self.id, units))
        yield from self._settled()
        rest = self.track.below(3)
        if rest == 1:
            yield from self._cancel()
        elif rest == 2:
            yield from self._ship()

    def _leave(self) -> Steps:
        """Nobody does anything, and the hold runs out."""
        yield from ()

    # -- after it is theirs

    def _reduce(self) -> Steps:
        line = self.track.pick(("", "L1", "L2"))
        amount = self.track.pick((1, 333, 1_000, 4_000))
        yield from self._ask(commands.RefundAmount(self.id, amount, "goodwill", line_id=line))
        yield from self._settled()

    def _undo(self) -> Steps:
        """A refund was a mistake; now and then that shows only on the next day."""
        if self.track.below(4) == 3:
            yield MINUTE
        yield from self._ask(commands.ReverseRefund(self.id, reason="a mistake"))
        yield from self._settled()

    def _refuse(self) -> Steps:
        told = yield from self._ask(commands.RefuseDelivery(self.id, "SF9", customer_id=self.customer))
        if not told.reason:
            yield from self._receive()

    def _send_back(self) -> Steps:
        """A return, as far as people take it."""
        asked = (LineQuantity(self.track.pick(("L1", "L2")), 1 + self.track.below(2)),)
        told = yield from self._ask(commands.RequestReturn(self.id, asked, self.customer, "NOT_WANTED"))
        case = self._case()
        if told.reason or case is None:
            return
        answer = self.track.below(8)
        if answer == 7:
            return  # the merchant lets time decide
        if answer == 6:
            yield from self._ask(commands.WithdrawReturn(self.id, case.id))
            self.world.reached.note("return_withdrawn")
            return
        if answer == 5:
            yield from self._ask(commands.RejectReturn(self.id, case.id, "no"))
            dispute = commands.DisputeRejection(self.id, case.id, ("photo",), customer_id=self.customer)
            yield from self._ask(dispute)
            yield from self._resolve(case)
        else:
            yield from self._ask(commands.ApproveReturn(self.id, case.id))
        yield self.track.below(MINUTE)
        yield from self._ask(commands.RegisterWaybill(self.id, case.id, "SF1"))
        yield from self._receive()

    def _receive(self) -> Steps:
        case = self._case()
        if case is None or case.state is not ReturnState.IN_RETURN:
            return
        if self.track.below(8) == 7:
            yield from self._ask(commands.DisputeReceipt(self.id, case.id, ("photo",), merchant_id=self.merchant))
            yield from self._resolve(case)
            return
        deductions: tuple[Deduction, ...] = ()
        if self.track.below(4) == 3:
            deductions = (Deduction(case.lines[0].id, 1 + self.track.below(500), "WORN", ("photo",)),)
        yield from self._ask(commands.ConfirmReceipt(self.id, case.id, deductions=deductions))
        yield from self._settled()
        if deductions and self.track.below(2):
            told = yield from self._ask(commands.DisputeDeduction(self.id, case.id, ("photo",), "", self.customer))
            if not told.reason:
                self.world.reached.note("deduction_disputed")
                yield from self._resolve(case)

    def _resolve(self, case: ReturnCase) -> Steps:
        upheld = bool(self.track.below(2))
        yield from self._ask(commands.ResolveDispute(self.id, case.id, upheld, "op-1", "looked at it"))
        yield from self._settled()

    def _confirm_network(self) -> Steps:
        told = yield from self.world.desk.ask(
            "credit_ledger", self.account, credit.ConfirmFlashRefund(self.account, self.id)
        )
        if not told.reason:
            self.world.reached.note("flash_confirmed")

    def _charge_back(self) -> Steps:
        if self.track.below(3):
            return
        notice = credit.RecordChargeback(
            account_id=self.account, order_id=self.id, payment_reference=f"pay_{self.id}", notice_id=f"cb-{self.id}",
            amount_minor=1, reason="fraud",
        )
        told = yield from self.world.desk.ask("credit_ledger", self.account, notice)
        if not told.reason:
            self.world.reached.note("charged_back")

    # -- how they do it

    def _case(self) -> ReturnCase | None:
        """The last return case of the order."""
        cases = self.world.stores["order"].family_of(ReturnCase, self.id)
        return max(cases, key=lambda case: (case.requested_at, case.id), default=None)

    def _ask(self, body: object) -> Steps:
        """Who hears that refunds are stopped comes again until they go on."""
        told = yield from self.world.desk.ask("order", self.id, body)
        while told.reason == "REFUNDS_STOPPED":
            self.world.reached.note("refunds_stopped")
            yield 20 * SECOND
            told = yield from self.world.desk.ask("order", self.id, body)
        if told.reason == "REFUND_LIMIT_REACHED":
            self.world.reached.note("refund_limited")
        return told

    def _later(self, delay: int, body: object) -> Steps:
        yield delay
        yield from self._ask(body)

    def _settled(self) -> Steps:
        """Wait until no settlement of the order is under way; some do not wait."""
        if self.track.chance(self.world.swarm.race):
            return
        while self.order is not None and self.order.settlement_id:
            yield self.world.settled_signal(self.id)
