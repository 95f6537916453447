"""Holds and partial shipments: each fen of a hold resolves once, each shipment has a plan of its own (2.1, 2.3)."""

import pytest

from services.credit_ledger.domain.model.agreement import AgreementState, HoldState
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import DEFERRED, Shop

WHOLE = Tenders(100_000, 2_000, 3_000, 10)


def test_a_partial_shipment_captures_its_share_and_the_rest_stays_cancellable() -> None:
    """2.1: 40 % ships, the rest is cancelled; wallet and bank card go back, the plan stays."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", WHOLE)

    shop.ship("ord_1", "2026-03-11 10:00:00", Tenders(40_000, 800, 1_200, 4))
    effect = shop.release("ord_1", "2026-03-12 10:00:00")

    agreement = shop.agreement("ord_1")
    assert (agreement.state, agreement.hold.state) == (AgreementState.EFFECTIVE, HoldState.RELEASED)
    assert effect.moved == Tenders(60_000, 1_200, 1_800, 6)
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == -1_800
    assert sum(shop.outstanding("ord_1")) == 40_000


def test_each_shipment_starts_its_own_plan_by_its_own_date() -> None:
    """Two shipments around a bill day have different first bills; instalments are numbered on (SD-3)."""
    shop = Shop()
    shop.place("ord_1", "2026-03-01 10:00:00", WHOLE)

    shop.ship("ord_1", "2026-03-04 10:00:00", Tenders(50_000))
    shop.ship("ord_1", "2026-03-05 10:00:00")

    items = shop.instalments("ord_1")
    assert [item.no for item in items] == [1, 2, 3, 4, 5, 6]
    assert [item.bill_date.isoformat() for item in items if item.no in (1, 4)] == ["2026-03-05", "2026-04-05"]
    assert shop.agreement("ord_1").hold.state is HoldState.CAPTURED


def test_the_flat_fee_of_a_deferral_is_shared_over_its_shipments_to_the_fen() -> None:
    """Differences of cumulative roundings: three thirds of 6.00 and an odd fen make 6.00."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)

    for credit in (33_333, 33_333, 33_334):
        shop.ship("ord_1", "2026-03-10 10:00:00", Tenders(credit))

    assert sum(shop.fees("ord_1")) == 600
    assert shop.fees("ord_1") == [200, 200, 200]


def test_a_refund_falls_on_the_unpaid_instalments_of_all_shipments() -> None:
    """No surplus while any shipment of the order still owes
    principal; overdue ones first, whichever shipment (RA-1)."""
    shop = Shop()
    shop.place("ord_1", "2026-03-01 10:00:00", Tenders(60_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.ship("ord_1", "2026-03-02 10:00:00", Tenders(20_000))
    shop.ship("ord_1", "2026-03-20 10:00:00")
    shop.repay("2026-03-21 10:00:00", 15_000)

    effect = shop.refund("ord_1", "2026-03-22 10:00:00", 40_000)

    assert (effect.principal_refunded_minor, effect.credit_balance_minor) == (40_000, 0)
    assert shop.outstanding("ord_1") == [0, 5_000]
    assert [plan.refunded_minor for plan in shop.agreement("ord_1").plans] == [5_000, 35_000]


def test_a_full_refund_settles_every_shipment() -> None:
    """Paid principal of any shipment comes back, nothing is left anywhere (I-1, PR-7)."""
    shop = Shop()
    shop.place("ord_1", "2026-03-01 10:00:00", Tenders(60_000))
    shop.ship("ord_1", "2026-03-02 10:00:00", Tenders(20_000))
    shop.ship("ord_1", "2026-03-20 10:00:00")
    shop.repay("2026-03-21 10:00:00", 1_000)

    effect = shop.refund("ord_1", "2026-04-22 10:00:00", 60_000)

    assert effect.agreement_state is AgreementState.SETTLED_EARLY
    assert shop.outstanding("ord_1") == [0] * 6
    assert all(plan.refunded_minor == plan.principal_minor for plan in shop.agreement("ord_1").plans)


@pytest.mark.parametrize("tenders", [
    Tenders(100_001, 2_000, 3_000, 10), Tenders(1, 2_001), Tenders(1, 0, 3_001), Tenders(0, 0, 0, 11),
])
def test_more_than_is_held_is_neither_captured_nor_released(tenders: Tenders) -> None:
    """2.3: capturing more needs a second authorization."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", WHOLE)

    assert shop.ship("ord_1", "2026-03-10 11:00:00", tenders).reason == "AGREEMENT_STATE"
    assert shop.release("ord_1", "2026-03-10 11:00:00", tenders).reason == "AGREEMENT_STATE"


def test_what_is_resolved_is_not_resolved_again() -> None:
    """2.3: a released hold is neither released nor captured a second time, nor a captured one."""
    shop = Shop()
    for order in ("ord_1", "ord_2"):
        shop.place(order, "2026-03-10 10:00:00", WHOLE)
    shop.release("ord_1", "2026-03-10 11:00:00")
    shop.ship("ord_2", "2026-03-10 11:00:00")

    answers = [
        act(order, "2026-03-10 12:00:00", WHOLE) for act in (shop.ship, shop.release) for order in ("ord_1", "ord_2")
    ]

    assert [answer.reason for answer in answers] == ["AGREEMENT_STATE"] * 4


@pytest.mark.parametrize(("credit", "wallet", "reason"), [
    (500_000, 100_000, ""), (500_001, 0, "INSUFFICIENT_LIMIT"), (1, 100_001, "INSUFFICIENT_WALLET"),
])
def test_exactly_the_available_limit_is_accepted_and_one_fen_more_refused(
    credit: int, wallet: int, reason: str
) -> None:
    """The limit is a cap that includes its last fen (C06, C07)."""
    shop = Shop()

    result = shop.place("ord_1", "2026-03-10 10:00:00", Tenders(credit, wallet))

    assert (result.reason if isinstance(result, Refused) else "") == reason


@pytest.mark.parametrize(("credit", "reason"), [(300_000, ""), (300_001, "INSUFFICIENT_LIMIT")])
def test_what_is_held_is_not_available(credit: int, reason: str) -> None:
    """The second order is told so, it is no defect of ours."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(200_000))

    result = shop.place("ord_2", "2026-03-10 10:00:00", Tenders(credit))

    assert (result.reason if isinstance(result, Refused) else "") == reason


def test_two_cancels_of_one_order_are_two_refunds_at_the_rail() -> None:
    """Each under a key of its own: the second would be taken for the first, and never be paid."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 500), reference="pay_1")

    effects = [shop.release("ord_1", "2026-03-10 11:00:00", Tenders(0, 0, 200)) for _ in range(2)]

    assert [leg.amount_minor for leg in shop.book.family(RefundLeg, ACCOUNT)] == [200, 200]
    assert len({effect.leg_id for effect in effects}) == 2


def test_a_payment_reference_pays_one_order() -> None:
    """And a bank-card tender without one is malformed (OP-4, PM-5)."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 500), reference="pay_1")

    second = shop.place("ord_2", "2026-03-10 10:00:00", Tenders(0, 0, 500), reference="pay_1")
    stray = shop.place("ord_3", "2026-03-10 10:00:00", Tenders(500), reference="pay_3")

    assert second.reason == "PAYMENT_REFERENCE_USED"
    assert stray.reason == "INVALID_ARGUMENT"


def test_a_closed_plan_waits_for_its_unshipped_rest() -> None:
    """PAID_OFF only when nothing can come any more: the last release ends it."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(60_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.ship("ord_1", "2026-03-10 11:00:00", Tenders(20_000))
    shop.repay("2026-03-10 12:00:00", 20_000)
    before = shop.agreement("ord_1").state

    shop.release("ord_1", "2026-03-10 13:00:00")

    assert (before, shop.agreement("ord_1").state) == (AgreementState.EFFECTIVE, AgreementState.PAID_OFF)
    assert shop.book.account(ACCOUNT).available_minor == 500_000
