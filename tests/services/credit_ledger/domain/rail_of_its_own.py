"""A rail that keeps books of its own, and one customer's bank-card refunds against it: what a Hypothesis machine
drives.

The rail is honest and slow: it may answer late, twice, in any order, or not at all, and what it paid may bounce; what
it said it never will pay it does not pay.
"""

from datetime import timedelta

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.leg import LegEnd, QueryLeg, RailWord, RefundLeg, SendLeg
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.kernel.calendar import business_date
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.history import MERCHANT, History
from tests.services.credit_ledger.domain.shop import THREE

FUNDED = 30_000
ROUNDS = 4
"""So many days, each with its questions and answers, bring every leg to its end, also those that wait for another."""
Report = commands.LegReport
EVIDENCE = ("order page", "bill page")


class RailAndBook:
    """The book, and what the rail itself knows of each key: None if it has not decided."""

    def __init__(self, book: BookInMemory | None = None) -> None:
        self.history = History(SurplusPolicy.KEEP, 5, 15, book)
        self.book = self.history.book
        self.paid: dict[str, bool | None] = {}
        self.paid_back = 0

    def buy(self, amount: int) -> None:
        """An order that a bank card paid whole, shipped."""
        self.history.place(Tenders(0, 0, amount), THREE)
        self.history.ship(self.history.held()[-1], 4)

    def sent(self) -> list[RefundLeg]:
        """The legs that the rail has received, or may have: a question about one that it does not know sends it (PM-6).
        """
        received = {
            id_of(action) for action in self.book.actions
            if isinstance(action, SendLeg) or (isinstance(action, QueryLeg) and not action.only_ask)
        }
        return [leg for leg in self.history.legs() if leg.id in received]

    def pays(self, leg: RefundLeg) -> None:
        """The rail pays, unless it has refused; it may or may not tell us."""
        if self.paid.get(leg.id) is None:
            self.paid[leg.id] = True

    def refuses(self, leg: RefundLeg) -> None:
        """The rail will not pay, or what it paid has bounced."""
        self.paid[leg.id] = False

    def tells(self, leg: RefundLeg, closed: bool = False) -> None:
        """The rail says how it is; of what it has not decided, that it has it."""
        said = self.paid.get(leg.id)
        refused = Report.CLOSED if closed else Report.REJECTED
        report = Report.ACCEPTED if said is None else Report.SETTLED if said else refused
        self.history.plain(commands.ReportLeg(ACCOUNT, leg.id, report))

    def by_hand(self, leg: RefundLeg) -> None:
        """Two people settle a leg that waits for one."""
        self.history.plain(commands.SettleLeg(ACCOUNT, leg.id, leg.order_id, "maker", "checker", EVIDENCE, "paid"))

    def pay_back(self, amount: int) -> None:
        """The customer pays some of what is owed."""
        order = self.history.agreements()[0]
        lines = (AdjustedLine("A.BANK", amount), AdjustedLine("A.CUST.RECV", -amount))
        done = self.history.plain(commands.PostAdjustment(
            ACCOUNT, order.key, "case", lines, "maker", "checker", EVIDENCE, "paid", business_date(self.history.at)
        ))
        self.paid_back += 0 if isinstance(done, Refused) else amount

    def charge_back(self, leg: RefundLeg) -> None:
        """The acquirer's notice about the payment of a leg."""
        body = commands.RecordChargeback(ACCOUNT, leg.order_id, leg.reference, f"cb-{leg.id}", 1, "fraud")
        self.history.plain(body)

    def reverse(self, refund_id: str) -> None:
        """Undo a refund."""
        order_id = self.history.posted[refund_id]
        if not isinstance(self.history.saga(commands.ReverseRefund(ACCOUNT, order_id, MERCHANT, refund_id)), Refused):
            del self.history.posted[refund_id]

    def tells_all(self) -> None:
        """The rail decides everything, and says so to whoever asks, twice over; what it has taken back it tells by its
        list. Every timer comes due meanwhile."""
        for _ in range(ROUNDS):
            before = len(self.book.actions)
            self.history.wait(timedelta(days=1), timers=True)
            asked = {id_of(action) for action in self.book.actions[before:]}
            for leg in self.sent():
                self.pays(leg)
                if leg.id in asked or leg.word is RailWord.PAID:
                    self.tells(leg)
                    self.tells(leg)

    def everything_that_the_rail_paid_is_known(self) -> None:
        """Nothing that it may pay is left without a question (PM-7)."""
        for leg in self.sent():
            assert (leg.word is RailWord.PAID) is bool(self.paid.get(leg.id)), leg

    def what_the_rail_paid_is_what_was_refunded(self) -> None:
        """What the rail has told us it paid, less what the customer owes back, is what the engine says was refunded:
        but for what waits on its way, went to the wallet, was paid by hand, or was kept by the acquirer."""
        legs, account = self.history.legs(), self.book.account(ACCOUNT)
        standing = sum(row.refunded.bank_minor + row.hold.released.bank_minor for row in self.history.agreements())
        told = sum(leg.sent_minor for leg in legs if leg.word == "PAID")
        elsewhere = sum(
            leg.sent_minor for leg in legs if leg.in_transit or leg.end in (LegEnd.BY_HAND, LegEnd.KEPT)
        )
        owed_back = account.receivable_minor + self.paid_back
        assert told + elsewhere + account.wallet_minor - FUNDED - owed_back == standing

    def the_acquirer_owes_what_it_took_less_what_left(self) -> None:
        """A.CH.CARD is all payments less what the rail paid out of them, and what it kept."""
        taken = sum(row.hold.authorized.bank_minor for row in self.history.agreements())
        left = sum(
            leg.sent_minor * ((leg.word == "PAID") + (leg.end is LegEnd.KEPT)) for leg in self.history.legs()
        )
        assert self.book.balance("A.CH.CARD") == taken - left

    def no_payment_is_paid_out_above_itself(self) -> None:
        """The rail's own sum of what it pays or may yet pay, by payment; nor does the acquirer keep more than it."""
        for row in self.history.agreements():
            kept = [leg for leg in self.history.legs() if leg.order_id == row.key and leg.end is LegEnd.KEPT]
            assert sum(leg.sent_minor for leg in kept) <= row.hold.authorized.bank_minor
            legs = [leg for leg in self.sent() if leg.order_id == row.key and self.paid.get(leg.id) is not False]
            assert sum(leg.sent_minor for leg in legs) <= row.hold.authorized.bank_minor


def id_of(action: object) -> str:
    """The leg that is sent or asked about."""
    leg = action.leg if isinstance(action, QueryLeg) else action
    return leg.leg_id if isinstance(leg, SendLeg) else ""
