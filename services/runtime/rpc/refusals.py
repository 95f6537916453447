"""Commands that are refused before a lane decides them, by the door or by their method: they are on record, too.

What a lane decides it records itself, in the transaction of its decision. `keeping` is for all else.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar

from services.kernel.decision import Refused
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from services.runtime.ground.clock import Clock
from services.runtime.ground.refused import KeepRefused, RefusedCall
from services.runtime.ground.tables import Connection

FINAL = (AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied)
"""What is an answer for good; any other error is a fault, after which the same request may be asked again."""
REUSED = "REQUEST_ID_REUSED"
"""Why a lane does not look at a command: another one has its id."""
DECIDED: ContextVar[bool] = ContextVar("DECIDED", default=False)
"""Whether a lane has decided what the present call asks."""

Keep = Callable[[RefusedCall], Awaitable[None]]


def keeping(
    record: KeepRefused, clock: Clock, look: Callable[[], AbstractAsyncContextManager[Connection]]
) -> Keep:
    """Keeps refused calls in a transaction of its own; what cannot be kept fails as the database does."""

    async def keep(call: RefusedCall) -> None:
        async with look() as connection, connection.transaction():
            await record(connection, call, await clock.now(connection))

    return keep


def note_decided(refusal: Refused | None) -> None:
    """A lane answered; it has no record of what it did not look at."""
    DECIDED.set(refusal is None or refusal.reason != REUSED)
