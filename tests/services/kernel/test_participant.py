"""The participant's half: what TRY keeps and CANCEL lets go, beside the claim on the root."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from services.kernel.decision import Busy, Decision, Done, Refused
from services.kernel.errors import Defect
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
