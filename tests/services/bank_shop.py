"""A shop whose customer pays by bank card among others, on the whole engine in memory, and a rail with its own books.

The rail is slow: it may answer late, twice, in any order or not at all, what it paid may bounce, and now and then it
pays what it had refused.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from services.card_redemption.domain.merchants.share import MerchantShare as CardShare
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.leg import LegEnd, LegState, RefundLeg, SendLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.refund import RefundState as CreditState
from services.kernel.saga import Run
from services.order.domain.bank_shares import Refund
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.domain.states import RefundState
from services.order.domain.tenders import Tender, TenderType
from services.order.wire.settlements import settlement_message
from settlement.card_redemption.v1 import card_service_pb2 as card
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.credit_ledger.v1 import effects_pb2
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import merchant_service_pb2 as merchant
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.engine import Engine
from tests.extremes.stage import ACCOUNT, CARD, CUSTOMER, DEFERRED, MERCHANT, PAPERS, TERMS, Stage, money

FUNDED = 1_000_000
FIRST, SECOND, HELD, SLOW = ORDERS = "ord_a", "ord_b", "ord_held", "ord_slow"
Report = commands.LegReport


class BankShop(Stage):
    """Four orders of some pieces: two shipped, one not yet, one whose credit share goes back by the flash network. What
    the rail knows of each key is None until it has decided."""

    def __init__(self, engine: Engine | None = None) -> None:
        super().__init__(engine or Engine(), {})
        self.decided: dict[str, bool | None] = {}
        self.paid_to_merchants = 0
        self.contradicted: set[str] = set()
        self.done(credit.OpenAccountRequest(account_id=ACCOUNT, customer_id=CUSTOMER, limit=money(FUNDED)))
        self.done(credit.FundWalletRequest(account_id=ACCOUNT, amount=money(FUNDED)))
        self.done(card.IssueCardRequest(card_id=CARD, customer_id=CUSTOMER, face=money(FUNDED)))
        self.buys(FIRST, 3, CREDIT=4_001, WALLET=1_000, GIFTCARD=999, BANKCARD=6_000)
        self.buys(SECOND, 2, BANKCARD=999)
        self.buys(HELD, 3, CREDIT=3_000, BANKCARD=2_002)
        self.buys(SLOW, 1, DEFERRED, CREDIT=2_000, BANKCARD=1_500)
        for name in (FIRST, SECOND, SLOW):
            self.done(order.ConfirmShipmentRequest(order_id=name))

    def buys(self, order_id: str, pieces: int, terms: tender_pb2.CreditTerms = TERMS, **tenders: int) -> None:
        """Pieces of one line and one of another, paid with this."""
        placed = self.place(order_id, terms, **tenders)
        whole = sum(tenders.values())
        placed.lines[0].quantity, placed.lines[0].unit_price.minor_units = pieces, whole // (pieces + 1)
        placed.lines.add(
            line_id="L2", title="a last thing", quantity=1, unit_price=money(whole - pieces * (whole // (pieces + 1)))
        )
        self.done(placed)

    # -- what there is

    def orders(self) -> list[Order]:
        """All orders."""
        return [self.engine.worlds["order"].row(Order, name) for name in ORDERS]

    def cases(self) -> list[ReturnCase]:
        """All return cases."""
        world = self.engine.worlds["order"]
        return [case for name in ORDERS for case in world.family(ReturnCase, name)]

    def refunds(self) -> Iterator[tuple[Order, Refund, RefundLeg | None]]:
        """Every refund with its bank-card leg."""
        legs = {leg.refund_id: leg for leg in self.legs()}
        return ((row, refund, legs.get(refund.id)) for row in self.orders() for refund in row.refunds)

    def legs(self) -> list[RefundLeg]:
        """All legs."""
        return self.engine.worlds["credit_ledger"].family(RefundLeg, ACCOUNT)

    def at_network(self) -> dict[str, CreditRefund]:
        """The refunds whose credit share the flash network has not confirmed, by their id."""
        rows = self.engine.worlds["credit_ledger"].family(CreditRefund, ACCOUNT)
        return {row.id: row for row in rows if row.open}

    def sent(self) -> list[RefundLeg]:
        """The legs that the rail has received, or may have."""
        actions = self.engine.worlds["credit_ledger"].actions
        received = {action.leg_id for action in actions if isinstance(action, SendLeg)}
        return [leg for leg in self.legs() if leg.id in received]

    def ended_without_the_rail(self) -> list[RefundLeg]:
        """The legs that the rail had, and whose money we have dealt with otherwise."""
        return [leg for leg in self.sent() if leg.reversed or leg.end is not LegEnd.NONE]

    def account(self) -> CreditAccount:
        """The customer's."""
        return self.engine.worlds["credit_ledger"].row(CreditAccount, ACCOUNT)

    def shown(self, refund: Refund) -> RefundState:
        """What a reader of its settlement sees."""
        world = self.engine.worlds["order"]
        run = world.row(Run, refund.settlement_id)
        message = settlement_message(run, world.row(Order, run.root))
        return RefundState(effects_pb2.RefundState.Name(message.refund_state).removeprefix("REFUND_STATE_"))

    def ended(self, settlement_id: str) -> str:
        """How a settlement ended: the reason why not, or nothing."""
        return self.engine.worlds["order"].row(Run, settlement_id).reason

    # -- what the rail does

    def ledger(self, body: object) -> Any:  # the result of any command
        """The credit ledger is told something, and what follows from it happens."""
        step = self.engine.worlds["credit_ledger"].when(ACCOUNT, body, self.request_id())
        self.engine.deliver()
        return step.outcome

    def pays(self, leg: RefundLeg) -> None:
        """The rail pays, unless it has refused; nobody has heard of it yet."""
        if self.decided.get(leg.id) is None:
            self.decided[leg.id] = True

    def refuses(self, leg: RefundLeg) -> None:
        """The rail will not pay, or what it paid has bounced."""
        self.decided[leg.id] = False

    def contradicts(self, leg: RefundLeg) -> None:
        """The rail pays, whatever it had said, and tells."""
        self.contradicted.add(leg.order_id)
        self.decided[leg.id] = True
        self.tells(leg)

    def tells(self, leg: RefundLeg, closed: bool = False) -> None:
        """The rail says how it is; of what it has not decided, that it has it."""
        said = self.decided.get(leg.id)
        refused = Report.CLOSED if closed else Report.REJECTED
        report = Report.ACCEPTED if said is None else Report.SETTLED if said else refused
        self.ledger(commands.ReportLeg(ACCOUNT, leg.id, report))

    def charge_back(self, order_id: str) -> Any:  # the outcome
        """The acquirer's notice."""
        notice = commands.RecordChargeback(ACCOUNT, order_id, f"pay_{order_id}", f"cb-{order_id}", 1, "fraud")
        return self.ledger(notice)

    # -- what people do

    def by_hand(self, leg: RefundLeg) -> str:
        """Two people settle a leg that waits for one; the reason why not."""
        return self.ask(adjustment.SettleLegRequest(
            account_id=ACCOUNT, order_id=leg.order_id, leg_id=leg.id, **PAPERS
        )).reason

    def sends_back(self, order_id: str, line_id: str, pieces: int) -> str:
        """A return, as far as its waybill; the reason why not."""
        asked = self.ask(sale.RequestReturnRequest(
            order_id=order_id, customer_id=CUSTOMER, lines=[order_pb2.LineQuantity(line_id=line_id, quantity=pieces)]
        ))
        if not asked.reason:
            case = {"return_id": asked.response.return_case.return_id, "order_id": order_id}
            self.done(sale.ApproveReturnRequest(**case))
            self.done(sale.RegisterWaybillRequest(**case, waybill_number="SF1"))
        return asked.reason

    def receives(self, case: ReturnCase, deducted_minor: int = 0) -> str:
        """The merchant has the goods, and keeps this much for the first line; the reason why it is not refunded."""
        worn = sale.Deduction(
            line_id=case.lines[0].id, amount=money(deducted_minor), reason=sale.DEDUCTION_REASON_WORN,
            evidence=["photo"],
        )
        deductions = [worn] if deducted_minor else []
        answer = self.ask(sale.ConfirmReceiptRequest(return_id=case.id, order_id=case.order_id, deductions=deductions))
        return answer.reason or self.ended(answer.response.settlement.settlement_id)

    def pays_merchants(self) -> None:
        """The merchant gets all that the credit ledger owes it net, and what the card book owes less what it owes."""
        owed = sum(share.payable_minor - share.receivable_minor for share in self.merchant_shares())
        if owed > 0:
            self.done(credit.SettleMerchantRequest(merchant_id=MERCHANT, amount=money(owed)))
        gift = sum(share.payable_minor for share in self.card_shares())
        if gift > 0:
            self.done(merchant.SettleGiftCardShareRequest(merchant_id=MERCHANT, amount=money(gift)))
        self.paid_to_merchants += max(0, owed) + max(0, gift + min(0, owed))

    def merchant_shares(self) -> list[MerchantShare]:
        """What the credit ledger keeps of the merchant."""
        rows = self.engine.worlds["credit_ledger"].rows.values()
        return [row for row in rows if isinstance(row, MerchantShare)]

    def card_shares(self) -> list[CardShare]:
        """What the card book keeps of the merchant."""
        rows = self.engine.worlds["card_redemption"].rows.values()
        return [row for row in rows if isinstance(row, CardShare)]

    def network_confirms(self) -> str:
        """The flash network confirms the oldest refund, or people complete it, if it is late; the reason why not."""
        late = any(row.state is not CreditState.PENDING_CHANNEL for row in self.at_network().values())
        if late:
            return self.ask(adjustment.AdjustRefundRequest(account_id=ACCOUNT, order_id=SLOW, **PAPERS)).reason
        return self.ask(credit.ConfirmFlashRefundRequest(account_id=ACCOUNT, order_id=SLOW)).reason

    def pays_back(self, amount: int) -> None:
        """The customer pays some of what is owed for what the rail paid twice."""
        lines = [("A.BANK", amount), ("A.CUST.RECV", -amount)]
        self.ask(adjustment.PostAdjustmentRequest(
            account_id=ACCOUNT, order_id=FIRST, case_id="case-1", **PAPERS,
            effective_date=self.engine.now.date().isoformat(),
            lines=[adjustment.AdjustmentLine(account=name, amount_minor=minor) for name, minor in lines],
        ))

    def ends(self) -> None:
        """The rail decides everything and says so, time passes, and people close what waits for them."""
        for _ in range(3):
            for leg in self.sent():
                self.pays(leg)
                self.tells(leg)
            self.engine.turn(self.engine.now + timedelta(days=1))
        for leg in self.legs():
            if leg.state is LegState.EXCEPTION:
                assert self.by_hand(leg) == ""
        while self.at_network():
            assert self.network_confirms() == ""


def tender(row: Order, kind: TenderType) -> Tender:
    """The tender of a kind, an empty one if the order has none."""
    return next((each for each in row.tenders if each.type is kind), Tender(kind, 0))
