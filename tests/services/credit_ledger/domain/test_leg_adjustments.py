"""A leg in EXCEPTION is finished by people: asked about again under its id, or settled by hand (MA-1 to MA-4, PM-6)."""

from dataclasses import replace
from datetime import date

import pytest

from services.credit_ledger.domain.legs.life import LEG_TIMER
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.events import BankRefundSettled
from services.credit_ledger.domain.model.leg import LegState, QueryLeg, RefundLeg, SendLeg
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, Shop

REFUNDED, REFUSED, ADJUSTED = "2026-03-12 10:00:00", "2026-03-12 10:00:01", "2026-03-14 10:00:00"
Report = commands.LegReport


def leg_of(shop: Shop) -> RefundLeg:
    """The only leg."""
    (leg,) = shop.book.family(RefundLeg, ACCOUNT)
    assert isinstance(leg, RefundLeg)
    return leg


def report(shop: Shop, said: Report, when: str = REFUSED) -> None:
    """What the rail says of it."""
    shop.plain(commands.ReportLeg(ACCOUNT, leg_of(shop).id, said), when)


def refunded_shop(said: Report = Report.REJECTED) -> Shop:
    """A bank-card refund that the acquirer refused."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.refund("ord_1", REFUNDED, 0, tenders=Tenders(0, 0, 5_000))
    report(shop, said)
    return shop


def settling(shop: Shop) -> commands.SettleLeg:
    """Two people with two papers."""
    return commands.SettleLeg(
        account_id=ACCOUNT, leg_id=leg_of(shop).id, order_id="ord_1", maker="ann", checker="bob",
        evidence=("order-page", "bill-page"), reason="bank transfer",
    )


def retrying(shop: Shop) -> commands.RetryLeg:
    """Somebody who wants it asked again."""
    return commands.RetryLeg(ACCOUNT, leg_of(shop).id, "ann", "the acquirer is repaired")


def test_a_retry_asks_first_and_keeps_the_id() -> None:
    """A query under the same key, a timer again, and the good news settles it (PM-6)."""
    shop = refunded_shop()
    leg = leg_of(shop)

    again = shop.plain(retrying(shop), ADJUSTED)
    waiting = (LEG_TIMER, leg.id) in shop.book.timers
    report(shop, Report.SETTLED, ADJUSTED)

    assert (again.id, again.state, again.attempts, waiting) == (leg.id, LegState.UNKNOWN, 0, True)
    assert shop.book.actions[-1] == QueryLeg(SendLeg(leg.id, ACCOUNT, leg.rail, "pay_ord_1", 5_000))
    assert leg_of(shop).state is LegState.SETTLED
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == 0


def test_a_retry_that_is_refused_again_waits_again() -> None:
    """The acquirer keeps its word under one key; the next step is a person's."""
    shop = refunded_shop()
    shop.plain(retrying(shop), ADJUSTED)

    report(shop, Report.REJECTED, ADJUSTED)

    assert leg_of(shop).state is LegState.EXCEPTION


def test_settled_by_hand_is_paid_from_the_bank_and_told() -> None:
    """A balanced journal, the papers, the order's notice, a movement with its reason (MA-3, MA-4)."""
    shop = refunded_shop()

    shop.plain(settling(shop), ADJUSTED)

    (adjustment,) = shop.book.family(Adjustment, ACCOUNT)
    assert leg_of(shop).state is LegState.SETTLED
    assert (adjustment.maker, adjustment.checker, len(adjustment.evidence)) == ("ann", "bob", 2)
    assert shop.ops()[-1] == "manual_adjust"
    assert (shop.book.balance("L.REFUND.TRANSIT.CARD"), shop.book.balance("A.BANK")) == (0, 100_000 - 5_000)
    assert shop.book.notices == [BankRefundSettled("ord_1", "ref_1", leg_of(shop).id, 5_000)]
    assert (shop.book.operations(ACCOUNT)[-1].kind, shop.book.operations(ACCOUNT)[-1].reference) == (
        "SettleLeg", adjustment.id
    )


def test_the_rail_pays_after_all_and_the_customer_owes_it() -> None:
    """Money that went twice is a receivable, once, however often the rail says so."""
    shop = refunded_shop()
    shop.plain(settling(shop), ADJUSTED)

    for _ in range(2):
        report(shop, Report.SETTLED, ADJUSTED)

    assert shop.book.account(ACCOUNT).receivable_minor == 5_000
    assert shop.ops().count("card_refund_settled") == 1


def test_a_refund_that_was_settled_by_hand_can_be_reversed() -> None:
    """What the customer has, the customer owes; the replay knows nothing of rails (P24)."""
    shop = refunded_shop()
    shop.plain(settling(shop), ADJUSTED)

    shop.reverse("ord_1", "2026-03-15 10:00:00")

    assert shop.book.account(ACCOUNT).receivable_minor == 5_000


def test_the_payment_of_a_rejected_order_is_settled_by_hand_too() -> None:
    """In, out, and paid from the bank; the acquirer owes it to us (PM-5)."""
    shop = Shop()
    shop.saga(commands.ReturnBankDeposit(ACCOUNT, "ord_1", CUSTOMER, 5_000, "pay_1"), REFUNDED)
    report(shop, Report.REJECTED)

    shop.plain(settling(shop), ADJUSTED)

    assert shop.ops() == ["deposit", "deposit_return", "manual_adjust"]
    assert (shop.book.balance("A.CH.CARD"), shop.book.balance("A.BANK")) == (5_000, 95_000)


def test_a_payout_is_settled_by_hand_without_an_order() -> None:
    """Legs of the other rail as well (P16)."""
    shop = Shop()
    shop.repay("2026-03-10 10:00:00", 7_000)
    shop.plain(commands.PayOutCreditBalance(ACCOUNT, 7_000, "CARD_A"), "2026-03-11 10:00:00")
    report(shop, Report.REJECTED)

    shop.plain(replace(settling(shop), order_id=""), ADJUSTED)

    assert shop.book.balance("L.PAYOUT.TRANSIT") == 0


@pytest.mark.parametrize(("change", "reason"), [
    ({"checker": "ann"}, "FOUR_EYES"), ({"maker": ""}, "FOUR_EYES"), ({"evidence": ("a", "a")}, "EVIDENCE_REQUIRED"),
    ({"checker": " ANN"}, "FOUR_EYES"), ({"evidence": ("page", " PAGE ")}, "EVIDENCE_REQUIRED"),
    ({"reason": ""}, "INVALID_ARGUMENT"), ({"order_id": "ord_2"}, "INVALID_ARGUMENT"),
    ({"leg_id": "leg_none"}, "LEG_NOT_FOUND"), ({"effective_date": date(2026, 3, 11)}, "BACKDATED"),
])
def test_bad_adjustments_write_nothing(change: dict[str, object], reason: str) -> None:
    """One reason each, and not a row."""
    shop = refunded_shop()
    before = dict(shop.book.rows)

    refused = shop.plain(replace(settling(shop), **change), ADJUSTED)  # type: ignore[arg-type]  # fields of the command

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert shop.book.rows == before


@pytest.mark.parametrize("said", [Report.UNKNOWN, Report.ACCEPTED, Report.SETTLED, Report.CLOSED])
def test_only_a_leg_that_waits_for_a_person_is_touched(said: Report) -> None:
    """What the rail has, or has ended, is not paid a second time."""
    shop = refunded_shop(said)

    assert shop.plain(settling(shop), ADJUSTED).reason == "LEG_STATE"
    assert shop.plain(retrying(shop), ADJUSTED).reason == "LEG_STATE"


def test_the_effective_date_may_be_the_day_of_the_leg_itself() -> None:
    """The boundary is inside."""
    shop = refunded_shop()

    done = shop.plain(replace(settling(shop), effective_date=date(2026, 3, 12)), ADJUSTED)

    assert done.state is LegState.SETTLED
