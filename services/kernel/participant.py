"""The participant's half of a saga: TRY computes all and keeps only a claim,
CONFIRM computes the same again and keeps it.

Between TRY and CONFIRM the root carries a `Pending` and answers BUSY to every other writer (BZ-1, BZ-2), so the two
computations see the same state and, by OP-1, the same instant.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from services.kernel.decision import Aggregate, Busy, Decision, Done, Refused
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.messages import Message, Op, SagaRef

EXECUTED = "EXECUTED"
"""Why a saga's CANCEL is refused that a person wanted after its EXECUTE."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The claim of an undecided saga on a root, and the posting instant of its TRY (OP-1)."""

    saga_id: str
    tried_at: datetime


class Claimable(Protocol):
    """A frozen dataclass, a root, that can be claimed by one saga at a time. A claim is invisible:
    it moves no version."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def pending(self) -> Pending | None: ...


R = TypeVar("R", bound=Claimable)


def refuse_if_busy(root: Claimable) -> None:
    """Let no writer pass that is not the claiming saga's: raises `IsBusy`."""
    if root.pending is not None:
        raise IsBusy(root.pending.saga_id)


class IsBusy(Exception):
    """The root is claimed by the saga that `holder` names; the lane turns it into `Busy`."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def saga_of(message: Message) -> SagaRef:
    """The saga that this message is a command of; a defect if it is of none."""
    if message.saga is None:
        raise Defect(f"{message.id} is no command of a saga")
    return message.saga


def refusable(message: Message) -> bool:
    """Whether a command of a saga can still be refused: it can until the saga has decided."""
    return saga_of(message).op in (Op.TRY, Op.EXECUTE)


def claimed_by(root: Claimable, message: Message) -> bool:
    """Whether the claim on the root is that of the message's own saga."""
    return root.pending is not None and message.saga is not None and root.pending.saga_id == message.saga.saga_id


def _alone(root: Claimable) -> tuple[Aggregate, ...]:
    return (root,)


def take_part(
    root: R, message: Message, now: datetime, execute: Callable[[R, datetime], Decision],
    keep: Callable[[R], tuple[Aggregate, ...]] = _alone, let_go: Callable[[R], tuple[Aggregate, ...]] = _alone,
) -> Decision:
    """Decide one command of a saga against its root; `execute` must not look at `pending`.

    A TRY that claims more than the root says so by `keep`: the rows it keeps, the claimed root among them; `let_go` is
    what CANCEL makes of them. Like the claim itself they move no version.
    """
    saga = saga_of(message)
    holder = root.pending.saga_id if root.pending else ""
    if saga.op in (Op.TRY, Op.EXECUTE):
        if holder and holder != saga.saga_id:
            return Decision(Busy(holder))
        if message.not_after is not None and now > message.not_after:
            raise FailedPrecondition("DEADLINE_PASSED", f"{saga.saga_id} was to be tried before {message.not_after}")
        decision = execute(root, now)
        if saga.op is Op.EXECUTE or not isinstance(decision.outcome, Done):
            return decision
        return Decision(decision.outcome, changes=keep(replace(root, pending=Pending(saga.saga_id, now))))
    if holder != saga.saga_id and saga.op is Op.CANCEL:  # what was done in one step cannot be taken back
        return Decision(Refused(EXECUTED, f"{saga.saga_id} was executed"))
    if holder != saga.saga_id or root.pending is None:
        raise Defect(f"{saga.saga_id} holds no claim on {root.key}")
    if saga.op is Op.CANCEL:
        return Decision(Done(), changes=let_go(replace(root, pending=None)))
    decision = execute(replace(root, pending=None), root.pending.tried_at)
    if isinstance(decision.outcome, Refused):
        raise Defect(f"{saga.saga_id}: CONFIRM was refused with {decision.outcome.reason}")
    if all(change.key != root.key for change in decision.changes):
        return replace(decision, changes=(*decision.changes, replace(root, pending=None)))
    return decision
