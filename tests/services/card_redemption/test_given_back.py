"""No more is given back of a redemption than it cost its customer, in whatever ways and order (RD-28, OP-14)."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.domain.disputes.case import DisputeState as S
from services.card_redemption.domain.disputes.case import Remedy, Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.states import RedemptionState
from tests.services.card_redemption.disputing import SCREENSHOT, completed, decided, ends, handled, rings
from tests.services.card_redemption.redeeming import FACE_MINOR, Redeeming

COST_MINOR = FACE_MINOR - 7_520
"""What was kept of the face at 94 %."""


def given_back(made: Redeeming) -> int:
    """At our cost, to its customer."""
    return sum(amount for (account, _), amount in made.both().items() if account == "E.GOODWILL")


def consoled(made: Redeeming) -> str:
    """Its customer asks for the voucher; the reason why not."""
    return made.do(ask.IssueVoucher(made.order().id, "cus_1")).reason


def adjusted(made: Redeeming, granted_minor: int, claimed_minor: int = COST_MINOR) -> str:
    """A case about the amount is decided; the reason why not."""
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=claimed_minor)
    verdict = Verdict.UPHELD if granted_minor == claimed_minor else Verdict.PARTIAL
    reason = decided(made, case, verdict, granted_minor).reason
    rings(made)
    return reason


def faulty(made: Redeeming) -> None:
    """The platform's fault is undone."""
    assert made.do(ask.AcceptPlatformFault(made.order().id, "boss")).reason == ""
    made.settle_down()
    assert made.order().state is RedemptionState.FAULT_REVERSED


def smaller(made: Redeeming) -> None:
    """Its face was an eighth of what was paid for."""
    assert made.do(ask.CorrectFace(made.order().id, FACE_MINOR // 8, "clerk")).reason == ""
    made.settle_down()
    assert made.order().lost_minor == COST_MINOR // 8


SINCE: Mapping[str, tuple[Callable[[Redeeming], object], int]] = {
    "voucher": (consoled, 0),
    "fault": (faulty, 0),
    "face": (smaller, COST_MINOR // 8),
}


@pytest.mark.parametrize("since", SINCE)
def test_what_was_lost_is_looked_at_again_when_it_is_granted(since: str) -> None:
    """A case is decided days after it was opened: all that was claimed may be given back by then."""
    made = completed()
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=COST_MINOR)
    happens, left_minor = SINCE[since]
    happens(made)
    before = given_back(made)

    for verdict, granted in ((Verdict.UPHELD, None), (Verdict.PARTIAL, left_minor + 1)):
        assert decided(made, case, verdict, granted).reason == "CLAIM_AMOUNT"

    if left_minor:
        assert decided(made, case, Verdict.PARTIAL, left_minor).reason == ""
    else:
        assert decided(made, case, Verdict.REJECTED).reason == ""
    rings(made)
    assert given_back(made) == before + left_minor


def test_what_the_other_book_refused_is_not_given_once_nothing_is_lost() -> None:
    """It was granted, and waits to be tried again; meanwhile the card was given back."""
    made = completed()
    made.ledger.refuses = "ACCOUNT_CLOSED"
    case = handled(made, T.REFUND_AMOUNT, SCREENSHOT, claimed_minor=COST_MINOR)
    decided(made, case)
    made.settle_down()
    made.ledger.refuses = ""
    made.ledger.answered.clear()
    faulty(made)

    rings(made, timedelta(hours=1))

    assert ends(made, case, S.EXECUTED).remedy is Remedy.NONE
    assert given_back(made) == 0


def test_a_voucher_is_not_due_where_all_was_given_back() -> None:
    """Nobody is consoled for what he did not lose, whether he asks for it or a case does."""
    made = completed()
    assert adjusted(made, COST_MINOR) == ""

    assert consoled(made) == "VOUCHER_NOT_DUE"
    denied = handled(made, T.CANCEL_DENIED, SCREENSHOT)
    assert decided(made, denied).reason == ""

    assert ends(made, denied, S.EXECUTED).remedy is Remedy.NONE
    assert given_back(made) == COST_MINOR


@given(first=st.booleans(), granted=st.integers(1, COST_MINOR))
def test_a_voucher_and_an_adjustment_never_sum_above_what_was_lost(first: bool, granted: int) -> None:
    """The second of the two gets what the first left."""
    made = completed()
    if first:
        assert consoled(made) == ""
        assert not made.order().lost_minor
    else:
        assert adjusted(made, granted) == ""
        assert consoled(made) == ("VOUCHER_NOT_DUE" if granted == COST_MINOR else "")

    assert given_back(made) == COST_MINOR
