"""The consolation voucher, rule by rule (RD-28, P35): for whom, once, how much, on what."""

from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.vouchers import VOUCHER_MAX_MINOR, Category
from tests.services.card_redemption.redeeming import SELF, Redeeming

LOSSLESS = ChannelPolicy("LOSSLESS", Kind.SELF, 1_000_000, version=1)


def world(face_minor: int = 8_000, terms: ChannelPolicy = SELF) -> Redeeming:
    """A redemption that is complete: six of a hundred are lost."""
    made = Redeeming().given(Redeemer("cus_1", completed=1), InForce(LOSSLESS))
    made.submitted(terms, declared_minor=face_minor)
    made.verify(face_minor)
    assert made.order().state is S.COMPLETED
    return made


def issue(made: Redeeming, customer_id: str = "cus_1") -> str:
    """Ask for the voucher; the reason why not."""
    return made.do(ask.IssueVoucher(made.order().id, customer_id)).reason


def spend(made: Redeeming, category: str, amount_minor: int) -> str:
    """Spend some of it; the reason why not."""
    return made.do(ask.UseVoucher(made.order().id, "cus_1", category, amount_minor)).reason


@pytest.mark.parametrize(("face", "value"), [
    (83_316, VOUCHER_MAX_MINOR - 1), (83_333, VOUCHER_MAX_MINOR), (83_334, VOUCHER_MAX_MINOR),
    (83_350, VOUCHER_MAX_MINOR), (1, 1),
])
def test_it_is_worth_what_was_lost_up_to_a_bound(face: int, value: int) -> None:
    """min(face - payout, 50.00), to the fen."""
    made = Redeeming().given(Redeemer("cus_1", completed=1))
    made.submitted(SELF, declared_minor=face)
    made.verify(face)
    order = made.order()
    assert min(order.face_minor - order.payout_minor, VOUCHER_MAX_MINOR) == value

    assert issue(made) == ""
    voucher = made.order().voucher
    assert voucher is not None
    assert voucher.value_minor == voucher.left_minor == value
    assert made.both()["L.VOUCHER", voucher.id] == -value
    assert made.both()["E.GOODWILL", voucher.id] == value


def test_there_is_one_for_a_redemption_and_only_its_customer_has_it() -> None:
    """Once, spent or not."""
    made = world()

    assert issue(made, "cus_2") == "REDEMPTION_NOT_FOUND"
    assert issue(made) == ""
    assert issue(made) == "VOUCHER_ISSUED"
    assert spend(made, Category.UTILITY, 480) == ""
    assert issue(made) == "VOUCHER_ISSUED"


def test_it_consoles_for_what_is_complete_and_lost_something() -> None:
    """Not before it is paid, while it can be cancelled in another way, nor where nothing was lost."""
    accepted, reversed_one = Redeeming(), world()
    accepted.submitted(SELF)
    reversed_one.do(ask.AcceptPlatformFault(reversed_one.order().id, "boss"))

    assert issue(accepted) == "REDEMPTION_STATE"
    assert issue(reversed_one) == "REDEMPTION_STATE"
    assert issue(world(terms=LOSSLESS)) == "VOUCHER_NOT_DUE"


@pytest.mark.parametrize(("category", "reason"), [
    ("PHONE_TOPUP", ""), ("UTILITY", ""), ("GROCERY", "VOUCHER_CATEGORY"), ("utility", "VOUCHER_CATEGORY"),
    ("", "VOUCHER_CATEGORY"),
])
def test_it_is_good_for_two_things(category: str, reason: str) -> None:
    """话费充值、水电煤缴费, and nothing else."""
    made = world()
    assert spend(made, category, 100) == (reason or "VOUCHER_NOT_ISSUED")
    issue(made)

    assert spend(made, category, 100) == reason


@pytest.mark.parametrize(("amounts", "left"), [
    ((479,), 1), ((480,), 0), ((300, 179), 1), ((300, 180), 0),
])
def test_it_is_spent_to_its_last_fen(amounts: tuple[int, ...], left: int) -> None:
    """Both books agree and nothing stays in clearing."""
    made = world()
    issue(made)
    for amount in amounts:
        assert spend(made, Category.PHONE_TOPUP, amount) == ""

    voucher = made.order().voucher
    assert voucher is not None
    assert voucher.left_minor == left
    assert made.both()["L.VOUCHER", voucher.id] == -left
    assert not [sub for account, sub in made.both() if account == "X.CLEARING"]


@pytest.mark.parametrize(("before", "amount", "reason"), [
    (0, 481, "VOUCHER_EXCEEDED"), (300, 181, "VOUCHER_EXCEEDED"), (480, 1, "VOUCHER_EXCEEDED"),
    (0, 0, "INVALID_AMOUNT"), (480, 0, "INVALID_AMOUNT"), (0, -1, "INVALID_AMOUNT"), (0, 2**63 - 1, "INVALID_AMOUNT"),
])
def test_it_pays_all_of_an_amount_or_nothing(before: int, amount: int, reason: str) -> None:
    """Who pays with it would otherwise take a part for the whole; nothing is written."""
    made = world()
    issue(made)
    if before:
        spend(made, Category.UTILITY, before)
    stands, journals = made.order(), len(made.journals)

    assert spend(made, Category.UTILITY, amount) == reason

    assert (made.order(), len(made.journals)) == (stands, journals)


def test_what_was_given_stays_good_once_a_fault_was_made_good() -> None:
    """A voucher is stored value of its customer, and no rule takes it back (RD-28, D134)."""
    made = world()
    issue(made)
    first = made.order().id
    made.do(ask.AcceptPlatformFault(first, "boss"))
    made.turn(timedelta())
    assert made.order().state is S.FAULT_REVERSED

    assert spend(made, Category.UTILITY, 100) == ""

    voucher = made.order().voucher
    assert voucher is not None
    assert (made.both()["L.VOUCHER", voucher.id], voucher.left_minor) == (-380, 380)
    assert issue(made) == "REDEMPTION_STATE"
