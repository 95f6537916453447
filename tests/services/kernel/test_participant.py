"""The participant's half: what TRY keeps and CANCEL lets go, beside the claim on the root."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.decision import Busy, Decision, Done, Refused
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.participant import EXECUTED, Pending, claimed_by, saga_of, take_part

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Box:
    """A root with something on loan to an undecided saga."""

    key: str = "box_1"
    root: str = "box_1"
    lent: int = 0
    version: int = 1
    pending: Pending | None = None


def _message(op: Op, saga_id: str = "saga_1") -> Message:
    return Message(f"{saga_id}/{op}", "box_1", None, saga=SagaRef(saga_id, "boxes", op))


def _decide(box: Box, op: Op, saga_id: str = "saga_1") -> Decision:
    return take_part(
        box, _message(op, saga_id), NOW, lambda box, at: Decision(Done(at), changes=(replace(box, lent=0, version=2),)),
        keep=lambda claimed: (replace(claimed, lent=5), Box("box_2")),
        let_go=lambda freed: (replace(freed, lent=0), Box("box_2")),
    )


def test_a_try_keeps_what_it_says_and_a_cancel_lets_it_go() -> None:
    """The root is given with its claim to the one, without it to the other."""
    tried = _decide(Box(), Op.TRY)
    claimed = Box(lent=5, pending=Pending("saga_1", NOW))
    cancelled = _decide(claimed, Op.CANCEL)

    assert tried == Decision(Done(NOW), changes=(claimed, Box("box_2")))
    assert cancelled == Decision(Done(), changes=(Box(), Box("box_2")))


@pytest.mark.parametrize(("op", "before"), [(Op.EXECUTE, Box()), (Op.CONFIRM, Box(pending=Pending("saga_1", NOW)))])
def test_what_is_kept_in_one_go_or_at_last_is_what_execute_decides(op: Op, before: Box) -> None:
    """Neither of them asks what a TRY would keep."""
    assert _decide(before, op) == Decision(Done(NOW), changes=(Box(version=2),))


@pytest.mark.parametrize("root", [Box(version=2), Box(version=2, pending=Pending("saga_2", NOW))])
def test_what_was_executed_is_not_cancelled(root: Box) -> None:
    """A person gave the saga up too late: it is told so, whoever holds the root by now, and nothing changes."""
    assert _decide(root, Op.CANCEL) == Decision(Refused(EXECUTED, "saga_1 was executed"))


def test_another_saga_is_busy_and_keeps_nothing() -> None:
    """The claim is exclusive (BZ-1)."""
    claimed = Box(lent=5, pending=Pending("saga_1", NOW))

    assert _decide(claimed, Op.TRY, "saga_2") == Decision(Busy("saga_1"))
    assert (claimed_by(claimed, _message(Op.CONFIRM)), claimed_by(claimed, _message(Op.TRY, "saga_2"))) == (True, False)


def test_a_message_of_no_saga_is_a_defect() -> None:
    """A participant answers sagas only."""
    with pytest.raises(Defect, match="no command of a saga"):
        saga_of(Message("m", "box_1", None))


def test_confirm_computes_at_the_instant_of_its_try() -> None:
    """Whatever time it is by then (OP-1)."""
    tried_at = NOW - timedelta(days=1)

    assert _decide(Box(pending=Pending("saga_1", tried_at)), Op.CONFIRM).outcome == Done(tried_at)


def test_the_claim_ends_with_a_confirm_that_changes_nothing_of_its_root() -> None:
    """Beside the rows that it does change."""
    claimed = Box(pending=Pending("saga_1", NOW))

    confirmed = take_part(claimed, _message(Op.CONFIRM), NOW, lambda box, at: Decision(changes=(Box("box_2"),)))

    assert confirmed.changes == (Box("box_2"), Box())


@pytest.mark.parametrize(("seconds", "claims"), [(-1, True), (0, True), (1, False)])
def test_a_try_claims_up_to_its_deadline(seconds: int, claims: bool) -> None:
    """After it nobody would let the claim go."""
    message = replace(_message(Op.TRY), not_after=NOW)
    now = NOW + timedelta(seconds=seconds)

    if claims:
        tried = take_part(Box(), message, now, lambda box, at: Decision())
        assert tried.changes == (Box(pending=Pending("saga_1", now)),)
    else:
        with pytest.raises(FailedPrecondition, match="DEADLINE_PASSED"):
            take_part(Box(), message, now, lambda box, at: Decision())


@pytest.mark.parametrize("root", [Box(), Box(pending=Pending("saga_2", NOW))])
def test_nobody_confirms_what_it_has_not_claimed(root: Box) -> None:
    """Its TRY was never done here, or another saga's was."""
    with pytest.raises(Defect, match="holds no claim"):
        _decide(root, Op.CONFIRM)


def test_a_confirm_that_would_be_refused_is_a_defect() -> None:
    """Its TRY had said that it can be done; a person looks."""
    claimed = Box(pending=Pending("saga_1", NOW))

    with pytest.raises(Defect, match="CONFIRM was refused with FULL"):
        take_part(claimed, _message(Op.CONFIRM), NOW, lambda box, at: Decision(Refused("FULL")))
