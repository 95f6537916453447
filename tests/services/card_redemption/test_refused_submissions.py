"""What is refused when a card is submitted: a stranger hears nothing of it, and nobody waits for what cannot come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.card_redemption.domain.commands import FreezeCard
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.submitting import Denied, FreezeCase, Resubmitted, resubmitted
from services.card_redemption.domain.redemption.timers import RESUBMITTED
from services.kernel.admission import Admission
from services.kernel.calendar import DAY, TICK
from services.kernel.decision import Done
from services.kernel.effects import Arrived, ToLoad
from tests.in_memory import Step
from tests.services.card_redemption.redeeming import ESCROW, SELF, SU, Redeeming


def test_a_stranger_with_a_code_of_ours_opens_a_case_and_hears_that_there_is_no_such_card() -> None:
    """RD-20: also when another user submits it; of a card that nobody redeems he hears the very same."""
    redeemed, free = Redeeming(), Redeeming()
    redeemed.submitted()
    stranger = {"customer_id": "cus_2", "account_id": "acc_2"}

    denied = redeemed.submit(redeemed.draft(SELF, "n2", **stranger)).result
    other = free.submit(free.draft(SELF, "n2", **stranger)).result
    cases = [row for row in redeemed.rows.values() if isinstance(row, FreezeCase)]

    assert denied == other == Denied("CODE_REJECTED", "there is no such card")
    assert not [row for row in free.rows.values() if isinstance(row, FreezeCase)]
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
    other = frozen.submit(frozen.draft(SU, "n2", **stranger)).result
    own = frozen.submit(frozen.draft(SU, "n3"))

    assert other == denied == Denied("CODE_REJECTED", "there is no such card")
    assert own.reason == "CARD_STATE"


@pytest.mark.parametrize(("by", "reason"), [
    (timedelta(seconds=1), ""), (timedelta(), ""), (-TICK, "CONDITION_DEADLINE"), (-DAY, "CONDITION_DEADLINE"),
])
def test_a_condition_that_nobody_can_meet_any_more_is_refused(by: timedelta, reason: str) -> None:
    """Its deadline itself is in time (CV-9, OP-16)."""
    made = Redeeming()

    assert made.submit(made.draft(ESCROW, deadline=made.now + by)).reason == reason


Asked = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass
class Looking(Redeeming):
    """Notes what a lane would ask the database for, question by question."""

    asked: list[Asked] = field(default_factory=list)

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


def _of_stranger(happens: Callable[[Looking], object], **draft: object) -> tuple[list[Asked], Step]:
    """What is read for a stranger's submission, and all that is written until he is answered."""
    made = Looking()
    happens(made)
    made.asked.clear()
    asked = made.draft(SELF, "s1", customer_id="cus_2", account_id="acc_2", **draft)
    step = made.when(asked.card_id, ask.ConfirmRedemption(asked))
    assert made.records[-1] == Attempt(
        "CONFIRM_REDEMPTION", "cus_2", EntryChannel.APP, AttemptOutcome.DENIED, "CODE_REJECTED", asked.card_id,
        request_id=getattr(made.records[-1], "request_id", ""),
    )
    [timer] = [each for each in made.timers.values() if each.kind == RESUBMITTED]
    assert (timer.root, timer.due_at, len(timer.key)) == (asked.card_id, made.now, len("rdm_/s1/cus_2") + 32)
    return made.asked, step


@pytest.mark.parametrize("happens", [_nothing, Looking.submitted, _used, _closed_as_a_fraud_of_ours])
def test_a_stranger_cannot_tell_by_what_is_done_whether_a_code_exists(happens: Callable[[Looking], object]) -> None:
    """Unknown, another's, being redeemed, used or dead: as many questions about as much, the same answer, and a timer
    of the same length, with nothing else beside the record (RD-20)."""
    asked, step = _of_stranger(happens)

    assert (asked, step) == _of_stranger(_nothing, card_id="crd_none", blind_index="nobodys")
    assert step == Step(Done(Denied("CODE_REJECTED", "there is no such card")))


def test_a_case_is_about_the_redemption_that_had_the_code_when_it_was_denied() -> None:
    """However that stands by the time at which the case is opened; once."""
    made = Looking()
    made.submitted()
    stranger = made.draft(SELF, "n2", customer_id="cus_2")
    made.when(stranger.card_id, ask.ConfirmRedemption(stranger))
    [timer] = [each for each in made.timers.values() if each.kind == RESUBMITTED]
    for _ in range(2):
        made.timers[timer.kind, timer.key] = timer
        made.ring(timer)
        made.cancel()

    [case] = [row for row in made.rows.values() if isinstance(row, FreezeCase)]
    assert (case.redemption_id, case.submitted_by, case.opened_at) == (made.order().id, "cus_2", made.now)
    assert [row.type for row in made.rows.values() if isinstance(row, Dispute)] == [DisputeType.DUPLICATE_CODE]


@pytest.mark.parametrize("customer", ["cus_2", "a/b", "", "/"])
def test_a_submission_is_called_by_all_that_its_case_needs(customer: str) -> None:
    """Whoever the customer is."""
    again = Resubmitted("rdm_1", "00000000-0000-4000-8000-000000000001", customer)

    assert resubmitted(again.key) == again
