"""What is refused when a card is submitted: a stranger hears nothing of it, and nobody waits for what cannot come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.card_redemption.domain.commands import FreezeCard
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.submitting import Denied, FreezeCase
from services.kernel.admission import Admission
from services.kernel.calendar import DAY, TICK
from services.kernel.decision import Refused
from services.kernel.effects import Arrived, ToLoad
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


@dataclass
class Looking(Redeeming):
    """Notes what a lane would ask the database for, question by question."""

    asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)

    def _load(self, admission: Admission[Arrived], wanted: ToLoad) -> None:
        rows = sorted(kind.__name__ for kind, keys in wanted.rows.items() for _ in keys)
        families = sorted(kind.__name__ for kind, roots in wanted.families.items() for _ in roots)
        self.asked.append((tuple(rows), tuple(families)))
        super()._load(admission, wanted)


def _nothing(made: Looking) -> None:
    """The code is another's, and he redeems nothing."""


def _used(made: Looking) -> None:
    made.submitted()
    made.verify()


def _closed_as_a_fraud_of_ours(made: Looking) -> None:
    made.submitted()
    _closed_as_a_fraud(made)


def _looked_at(happens: Callable[[Looking], object], **draft: object) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What is read for a stranger's submission."""
    made = Looking()
    happens(made)
    made.asked.clear()
    step = made.submit(made.draft(SELF, "s1", customer_id="cus_2", account_id="acc_2", **draft))
    assert (step.reason or step.result.reason) == "CODE_REJECTED"
    return made.asked


@pytest.mark.parametrize("happens", [_nothing, Looking.submitted, _used, _closed_as_a_fraud_of_ours])
def test_a_stranger_cannot_tell_by_what_is_read_whether_a_code_exists(happens: Callable[[Looking], object]) -> None:
    """Unknown, another's, being redeemed, used or dead: as many questions, about as much (RD-20)."""
    assert _looked_at(happens) == _looked_at(_nothing, card_id="crd_none", blind_index="nobodys")
