"""Random histories of redemptions beside orders: the laws of the book hold after each step, and over both books nothing
is left in the transit of a payout or in a clearing (BK-4 to BK-6)."""

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit_ledger.domain.legs.payouts import ATTEMPTS_MAX, PAUSE
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.payout import PAID, PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PayoutsFound
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT, AT_THE_END, CHEAP
from tests.services.credit_ledger.domain.redeeming import Redeemer
from tests.services.credit_ledger.domain.shop import at

AMOUNTS = st.integers(1, 5_000)
SAID = st.sampled_from([*LegReport])
STEPS = st.one_of(
    st.tuples(st.just("pay"), AMOUNTS, st.sampled_from(PayoutMethod)), st.tuples(st.just("stop"), st.integers(0, 9)),
    st.tuples(st.just("report"), st.integers(0, 9), SAID), st.tuples(st.just("charge"), AMOUNTS),
    st.tuples(st.just("claim"), AMOUNTS), st.tuples(st.just("credit"), AMOUNTS), st.tuples(st.just("pause")),
    st.tuples(st.just("resume")), st.tuples(st.just("turn"), st.integers(1, 200)),
    st.tuples(st.just("refund"), AMOUNTS), st.tuples(st.just("reverse"), st.integers(1, 5)),
)


class BothBooks(Redeemer):
    """The credit ledger with the legs that the card's book would post beside it, by account and sub-account."""

    def __init__(self) -> None:
        super().__init__(wallet=3_000)
        self.bought("ord_1", "2026-03-10 10:00:00", Tenders(credit_minor=20_000, wallet_minor=2_000))
        self.cards: Counter[tuple[str, str]] = Counter()
        self.count = self.refunds = 0
        self.now = at("2026-03-12 10:00:00")

    def take(self, name: str, *what: object) -> None:
        """One step, and the laws that are cheap."""
        self.now += timedelta(seconds=1)
        getattr(self, f"do_{name}")(*what)
        for law in CHEAP:
            law(self.book)

    def do_pay(self, amount: int, method: PayoutMethod) -> None:
        """Settle a card: its book credits the transit, ours pays."""
        self.count += 1
        effect = self.pay(amount, method, f"pay_{self.count}", self.text)
        assert effect.amount_minor == amount
        self.cards["L.PAYOUT.TRANSIT", f"pay_{self.count}"] -= amount

    def do_stop(self, number: int) -> None:
        """Only a confirmed stop gives the card its value back."""
        known = self.book.find(RedemptionPayout, f"pay_{number}")
        effect = self.stop(f"pay_{number}", self.text)
        if isinstance(effect, Refused):
            assert known is None
        elif known is not None and known.state is PayoutState.WAITING:
            assert effect.state is PayoutState.STOPPED
            self.cards["L.PAYOUT.TRANSIT", known.id] += known.amount_minor

    def do_report(self, number: int, said: LegReport) -> None:
        """The bank says something about a leg."""
        legs = self.legs()
        if legs:
            self.book.ask(ACCOUNT, ReportLeg(ACCOUNT, legs[number % len(legs)].id, said, "said"), self.now)

    def do_charge(self, amount: int) -> None:
        """A cancel costs a fee."""
        self.charge(amount, self.text)

    def do_claim(self, amount: int) -> None:
        """What was paid has to come back."""
        self.count += 1
        self.claim(amount, ClaimCause.FACE_CLAWBACK, 0, self.text, f"saga_claim_{self.count}")
        self.cards["X.CLEARING", f"saga_claim_{self.count}"] += amount

    def do_credit(self, amount: int) -> None:
        """A card is closed."""
        self.count += 1
        self.credit(amount, WalletCreditCause.CARD_CLOSE, self.text, f"saga_credit_{self.count}")
        self.cards["X.CLEARING", f"saga_credit_{self.count}"] -= amount

    def do_pause(self) -> None:
        """Payouts are held."""
        self.pause(self.text)

    def do_resume(self) -> None:
        """They go on."""
        self.resume(self.text)
        waiting = [row for row in self.payouts() if row.state is PayoutState.WAITING]
        self.book.ask(PAYOUTS, PayoutsFound(PAYOUTS, tuple((row.id, ACCOUNT) for row in waiting)), self.now)
        self.book.fire()

    def do_turn(self, seconds: int) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)
        self.book.turn_to(self.now)

    def do_refund(self, amount: int) -> None:
        """The order is refunded in part, also into the wallet."""
        self.refunds += 1
        wallet = min(amount, 300)
        self.refund("ord_1", self.text, amount, f"ref_{self.refunds}", tenders=Tenders(wallet_minor=wallet))

    def do_reverse(self, number: int) -> None:
        """A refund is undone, if it can be."""
        self.reverse("ord_1", self.text, f"ref_{number}")

    def payouts(self) -> list[RedemptionPayout]:
        """All payouts."""
        return self.book.family(RedemptionPayout, ACCOUNT)

    def end(self) -> None:
        """Payouts go on, the bank pays every leg, and time passes until nothing waits."""
        self.do_resume()
        for _ in range(ATTEMPTS_MAX):
            self.do_turn(int(PAUSE.total_seconds()) * 2 ** ATTEMPTS_MAX)
            for leg in self.legs():
                if leg.in_transit:
                    self.book.ask(ACCOUNT, ReportLeg(ACCOUNT, leg.id, LegReport.SETTLED), self.now)

    @property
    def text(self) -> str:
        """The instant, as the shop takes it."""
        return self.now.isoformat(sep=" ")[:19]

    def _check(self) -> None:
        """The laws are asked once a step."""


def together(shop: BothBooks, account: str) -> dict[str, int]:
    """What both books have on an account, by sub-account, where it is not zero."""
    sums = Counter({sub: amount for (_, name, sub), amount in shop.book.balances.items() if name == account})
    for (name, sub), amount in shop.cards.items():
        sums[sub] += amount if name == account else 0
    return {sub: amount for sub, amount in sums.items() if amount}


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=25))
def test_every_payout_is_paid_or_stopped_once(steps: list[tuple[object, ...]]) -> None:
    """Whatever the bank says and whoever pauses: in the end nothing is left between the books."""
    shop = BothBooks()

    for name, *what in steps:
        shop.take(str(name), *what)
    for law in AT_THE_END:
        law(shop.book)
    shop.end()

    assert {row.state for row in shop.payouts()} <= {*PAID, PayoutState.STOPPED}
    assert together(shop, "L.PAYOUT.TRANSIT") == together(shop, "X.CLEARING") == {}
    for law in (*CHEAP, *AT_THE_END):
        law(shop.book)


def test_the_clock_of_histories_is_of_shanghai() -> None:
    """The instants that a step is told in are those that it happens at."""
    shop = BothBooks()

    assert at(shop.text) == shop.now == datetime(2026, 3, 12, 10, tzinfo=shop.now.tzinfo)
