"""What is refused when a card is submitted: a stranger hears nothing of it, and nobody waits for what cannot come."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.card_redemption.domain.commands import FreezeCard
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.submitting import Denied, FreezeCase
from services.kernel.calendar import DAY, TICK
from services.kernel.decision import Refused
from tests.services.card_redemption.redeeming import ESCROW, SELF, SU, Redeeming


def test_a_stranger_with_a_code_of_ours_opens_a_case_and_hears_that_there_is_no_such_card() -> None:
    """RD-20: also when another user submits it; of a card that nobody redeems he hears the very same."""
    redeemed, free = Redeeming(), Redeeming()
    redeemed.submitted()
    stranger = {"customer_id": "cus_2", "account_id": "acc_2"}

    denied = redeemed.submit(redeemed.draft(SELF, "n2", **stranger)).result
    refused = free.submit(free.draft(SELF, "n2", **stranger))
    cases = [row for row in redeemed.rows.values() if isinstance(row, FreezeCase)]

    assert denied == Denied("CODE_REJECTED", "there is no such card")
    assert refused.outcome == Refused(denied.reason, denied.detail, "NOT_FOUND")
    assert [(case.submitted_by, case.redemption_id) for case in cases] == [("cus_2", redeemed.order().id)]


def _closed_as_a_fraud(made: Redeeming) -> None:
    made.do(ask.ReportFraud(made.order().id, "police"))
    made.turn(16 * DAY)
    made.do(ask.DecideFraud(made.order().id, True, "case-1", "op-1"))


def _taken_back_and_frozen(made: Redeeming) -> None:
    made.cancel()
    card_id = made.order().card_id
    made.when(card_id, FreezeCard(card_id, "case_1", "op_1"))


@pytest.mark.parametrize("happens", [_closed_as_a_fraud, _taken_back_and_frozen])
def test_a_stranger_with_another_issuers_code_does_not_hear_that_it_is_frozen(
    happens: Callable[[Redeeming], None]
) -> None:
    """He hears what he hears of one that somebody redeems; whose card it is hears how it stands."""
    active, frozen = Redeeming(), Redeeming()
    active.submitted(SU)
    frozen.submitted(SU)
    happens(frozen)
    stranger = {"customer_id": "cus_2", "account_id": "acc_2"}

    denied = active.submit(active.draft(SU, "n2", **stranger)).result
    refused = frozen.submit(frozen.draft(SU, "n2", **stranger))
    own = frozen.submit(frozen.draft(SU, "n3"))

    assert refused.outcome == Refused(denied.reason, denied.detail, "NOT_FOUND")
    assert own.reason == "CARD_STATE"


@pytest.mark.parametrize(("by", "reason"), [
    (timedelta(seconds=1), ""), (timedelta(), ""), (-TICK, "CONDITION_DEADLINE"), (-DAY, "CONDITION_DEADLINE"),
])
def test_a_condition_that_nobody_can_meet_any_more_is_refused(by: timedelta, reason: str) -> None:
    """Its deadline itself is in time (CV-9, OP-16)."""
    made = Redeeming()

    assert made.submit(made.draft(ESCROW, deadline=made.now + by)).reason == reason
