"""A chargeback notice of the acquirer ends what may be refunded of a payment (PM-8); there was no such notice
before."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.effects import ChargedBack
from services.credit_ledger.domain.model.events import BankRefundSettled, PaymentChargedBack
from services.credit_ledger.domain.model.leg import LegState, RailWord, RefundLeg
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, Shop, at
from tests.services.credit_ledger.domain.test_legs import REFUNDED, Report, leg_of, report, shop_with_leg

NOTICED = "2026-03-12 11:00:00"


def notice(shop: Shop, when: str = NOTICED, order_id: str = "ord_1", reference: str = "pay_ord_1") -> object:
    """The acquirer's notice."""
    return shop.plain(commands.RecordChargeback(ACCOUNT, order_id, reference, "cb-1", 5_000, "fraud"), when)


@pytest.mark.parametrize("said", [Report.UNKNOWN, Report.ACCEPTED, Report.REJECTED])
def test_what_is_on_its_way_the_acquirer_kept(said: Report) -> None:
    """Dr L.REFUND.TRANSIT.CARD, Cr A.CH.CARD; the leg waits for a person."""
    shop, leg = shop_with_leg()
    report(shop, said)

    done = notice(shop)

    assert isinstance(done, ChargedBack)
    assert (done.leg_ids, done.kept_minor) == ((leg.id,), 5_000)
    assert (leg_of(shop).state, leg_of(shop).detail) == (LegState.EXCEPTION, "kept by the acquirer, cb-1")
    assert [(line.account, line.amount_minor) for line in shop.book.journals[-1].lines] == [
        ("L.REFUND.TRANSIT.CARD", 5_000), ("A.CH.CARD", -5_000),
    ]


def test_nothing_more_of_it_is_refunded() -> None:
    """Refused for its bank share, with or without a quote; the account has moved, so a quote of before is stale."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(3_000, 0, 5_000))
    version = shop.book.account(ACCOUNT).version
    notice(shop)

    refused = shop.refund("ord_1", "2026-03-12 12:00:00", 0, tenders=Tenders(0, 0, 1))
    stale = shop.refund(
        "ord_1", "2026-03-12 12:00:00", 0, tenders=Tenders(0, 0, 1), expected_account_version=version
    )
    credit = shop.refund("ord_1", "2026-03-12 12:00:00", 3_000)

    assert (refused.reason, stale.reason) == ("PAYMENT_NOT_REFUNDABLE", "QUOTE_STALE")
    assert not isinstance(credit, Refused)


def test_goods_come_back_all_the_same() -> None:
    """The credit share is refunded, the acquirer keeps its own, and two people close it; refused, the return's case had
    no end (PR-9)."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(3_000, 0, 5_000))
    notice(shop)

    done = shop.refund("ord_1", "2026-03-12 12:00:00", 3_000, tenders=Tenders(0, 0, 5_000), goods_back=True)

    assert not isinstance(done, Refused)
    assert sum(shop.outstanding("ord_1")) == 0
    assert (leg_of(shop).state, shop.book.actions) == (LegState.EXCEPTION, [])
    assert (shop.book.balance("L.REFUND.TRANSIT.CARD"), shop.book.balance("A.CH.CARD")) == (0, 0)
    settle = commands.SettleLeg(ACCOUNT, leg_of(shop).id, "ord_1", "ann", "bob", ("order", "bill"), "charged back")
    shop.plain(settle, "2026-03-13 11:00:00")
    assert isinstance(shop.book.notices[-1], BankRefundSettled)
    assert shop.book.notices[-1].manual


def test_what_the_acquirer_kept_of_a_refund_that_was_undone_counts_for_the_next() -> None:
    """It gave the card holder the payment once: the customer owes nothing more, and nothing is kept twice."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    notice(shop)
    shop.refund("ord_1", "2026-03-12 12:00:00", 0, tenders=Tenders(0, 0, 5_000), goods_back=True)
    shop.reverse("ord_1", "2026-03-13 10:00:00")
    owed = shop.book.account(ACCOUNT).receivable_minor

    shop.refund("ord_1", "2026-03-14 10:00:00", 0, tenders=Tenders(0, 0, 5_000), goods_back=True)
    shop.book.turn_to(at("2026-03-14 10:00:00"))

    assert (owed, shop.book.account(ACCOUNT).receivable_minor) == (5_000, 0)
    assert (shop.book.balance("A.CH.CARD"), shop.book.balance("L.REFUND.TRANSIT.CARD")) == (0, 0)
    assert {leg.state for leg in shop.book.family(RefundLeg, ACCOUNT)} == {LegState.RECALLED, LegState.SETTLED}


def test_a_notice_counts_once() -> None:
    """The second, under another request, changes nothing."""
    shop, _ = shop_with_leg()
    notice(shop)
    before = dict(shop.book.rows)

    notice(shop, "2026-03-12 12:00:00")

    assert shop.book.rows == before
    assert sum(isinstance(event.body, PaymentChargedBack) for event in shop.book.events) == 1


def test_a_cancel_is_never_refused_for_it() -> None:
    """The hold goes; the acquirer keeps what it gave the card holder already."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(1_000, 0, 5_000))
    notice(shop)

    shop.release("ord_1", "2026-03-12 12:00:00")

    assert leg_of(shop).state is LegState.EXCEPTION
    assert (shop.book.balance("L.DEPOSIT"), shop.book.balance("A.CH.CARD")) == (0, 0)
    assert (leg_of(shop).word, shop.book.actions) == (RailWord.REFUSED, [])


def test_people_close_what_the_acquirer_kept_without_paying_it_again() -> None:
    """Two people settle the leg: nothing is posted, and asking the rail for it is refused."""
    shop, leg = shop_with_leg()
    notice(shop)
    posted = len(shop.book.journals)

    retried = shop.plain(commands.RetryLeg(ACCOUNT, leg.id, "ann", "again"), "2026-03-13 10:00:00")
    settle = commands.SettleLeg(ACCOUNT, leg.id, "ord_1", "ann", "bob", ("order", "bill"), "charged back")
    shop.plain(settle, "2026-03-13 11:00:00")

    assert retried.reason == "PAYMENT_NOT_REFUNDABLE"
    assert leg_of(shop).state is LegState.SETTLED
    assert len(shop.book.journals) == posted


def test_a_refund_that_the_rail_pays_too_is_owed() -> None:
    """The card holder got it twice: once by the chargeback."""
    shop, _ = shop_with_leg()
    notice(shop)

    report(shop, Report.SETTLED, "2026-03-14 10:00:00")

    assert shop.book.account(ACCOUNT).receivable_minor == 5_000


@pytest.mark.parametrize("hands", [0, 1])
def test_what_the_rail_pays_of_it_leaves_the_leg_to_its_person(hands: int) -> None:
    """It was SETTLED without one, and could be closed by nobody; bounced, what people had closed waited again."""
    shop, leg = shop_with_leg()
    notice(shop)
    settle = commands.SettleLeg(ACCOUNT, leg.id, "ord_1", "ann", "bob", ("order", "bill"), "charged back")
    for _ in range(hands):
        shop.plain(settle, "2026-03-13 11:00:00")
    before = leg_of(shop).state

    report(shop, Report.SETTLED, "2026-03-14 10:00:00")
    paid = leg_of(shop).state
    report(shop, Report.REJECTED, "2026-03-15 10:00:00")

    assert before is (LegState.SETTLED if hands else LegState.EXCEPTION)
    assert (paid, leg_of(shop).state) == (before, before)
    assert shop.book.account(ACCOUNT).receivable_minor == 0


def test_a_refund_that_is_taken_back_is_owed() -> None:
    """The card holder has the money by the chargeback, and was not to have it."""
    shop, _ = shop_with_leg()
    notice(shop)

    shop.reverse("ord_1", "2026-03-14 10:00:00")

    assert (shop.book.account(ACCOUNT).receivable_minor, leg_of(shop).state) == (5_000, LegState.RECALLED)


def test_the_payment_of_a_rejected_order_is_kept_too() -> None:
    """PM-5: it was on its way back."""
    shop = Shop()
    shop.saga(commands.ReturnBankDeposit(ACCOUNT, "ord_1", CUSTOMER, 5_000, "pay_1"), REFUNDED)

    notice(shop, reference="pay_1")

    assert leg_of(shop).state is LegState.EXCEPTION
    assert (shop.book.balance("L.DEPOSIT"), shop.book.balance("L.REFUND.TRANSIT.CARD")) == (0, 0)


@pytest.mark.parametrize(("order_id", "reference", "amount", "reason"), [
    ("ord_1", "pay_other", 5_000, "ORDER_NOT_FOUND"), ("ord_9", "pay_ord_1", 5_000, "ORDER_NOT_FOUND"),
    ("ord_1", "pay_ord_1", 0, "INVALID_AMOUNT"),
])
def test_bad_notices_write_nothing(order_id: str, reference: str, amount: int, reason: str) -> None:
    """One reason each, and not a row."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    before = dict(shop.book.rows)

    refused = shop.plain(commands.RecordChargeback(ACCOUNT, order_id, reference, "cb-1", amount), NOTICED)

    assert refused.reason == reason
    assert shop.book.rows == before
