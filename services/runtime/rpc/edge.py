"""What a gRPC method asks of the runtime: a decision, a read, or the end of a settlement."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, suppress
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import uuid_utils
from google.protobuf.message import Message as Wire

from services.kernel.decision import Refused
from services.kernel.errors import (
    BY_STATUS,
    FailedPrecondition,
    InvalidArgument,
    SettlementError,
    Unavailable,
)
from services.kernel.messages import Message, Seen
from services.kernel.saga import Verdict
from services.runtime.ground.clock import Clock
from services.runtime.ground.codec import Codec
from services.runtime.ground.postgres import Pool
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.errors import passes
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.places import ends_with_server, may_wait, waits
from services.runtime.rpc.refusals import note_decided
from services.runtime.rpc.seen import seen_in
from services.runtime.rpc.watching import Watchers
from services.runtime.stored.inbox import Answered
from services.runtime.stored.steps import Step

POLL_SECONDS = 0.5
"""How long a look waits for PostgreSQL to be there again."""

RESERVE_SECONDS, RESERVE_SECONDS_MAX = 0.1, 0.5
RESERVE_SHARE = 0.1
"""What of a call's time is kept for the answer: a tenth, within these bounds; a busy machine answers late."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
T = TypeVar("T")
M = TypeVar("M", bound=Wire)


class Lanes(Protocol):
    """What the edge needs of the lanes."""

    def submit(
        self, message: Message, body_hash: bytes, seconds: float, background: bool
    ) -> "asyncio.Future[Answered]": ...


class Edge:
    """Given to every servicer. `settings` and `clock` are there for reading."""

    def __init__(
        self, settings: Settings, clock: Clock, lanes: Lanes, codec: Codec, pool: Pool, watchers: Watchers,
        keeper: Keeper,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._lanes = lanes
        self._codec = codec
        self._pool = pool
        self._watchers = watchers
        self._keeper = keeper

    async def ask(self, context: Context, request: Any, *, key: str, body: object, background: bool = False) -> Any:
        """Have `body` decided for the aggregate `key` and answer the protobuf message of the result.

        The request's `request_id` makes it safe to repeat: the same request gets the stored answer. Metadata `seen`
        (`ord_1 7`) has it refused where that thing is not at that version when it is decided. Raises the
        `SettlementError` of a refusal. Settlements go before a call of the `background`. The decision is the lane's: it
        goes on if this call is cancelled (G1).
        """
        request_id: str = request.request_id
        if not _UUID.fullmatch(request_id):
            raise InvalidArgument("INVALID_ARGUMENT", "request_id must be a UUID", {"field": "request_id"})
        if not key:
            raise InvalidArgument("INVALID_ARGUMENT", "the request names nothing to act on")
        seconds = context.time_remaining()
        if seconds is None:
            seconds = self.settings.deadline_seconds_max
        seen = seen_in(context.invocation_metadata())
        message = Message(id=request_id.lower(), key=key, body=body, fresh_id=uuid_utils.uuid7().hex, seen=seen)
        answer = self._lanes.submit(message, body_hash(request, seen), seconds, background)
        try:
            async with asyncio.timeout(usable(seconds)):
                answered = await answer
        except TimeoutError:
            raise Unavailable("UNAVAILABLE", "not decided in time; try again with the same request id") from None
        refusal = answered.refusal if answered.verdict is Verdict.REFUSED else None
        note_decided(refusal)
        if refusal is not None:
            raise error_of(refusal)
        return self._codec.message(answered.type, answered.outcome)

    def read(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection for the block, for reads that lock nothing.

        Where too many wait for one, a call is refused with OVERLOADED; one that waits for something in `watch`,
        `awaited` or `reading` was admitted before, and gets its turn.
        """
        return self._pool.acquire(admitted=waits())

    async def now(self) -> datetime:
        """The present instant, for a method that has no connection at hand."""
        async with self.read() as connection:
            return await self.clock.now(connection)

    def watch(self, saga_id: str, since: int = 0) -> AsyncGenerator[Step, None]:
        """The saga now, and after each step until its end, from its version `since` on; nothing for an unknown one.

        While the database is away there is no step, and nobody hears of it.
        """
        return self._watchers.watch(saga_id, since)

    async def awaited(
        self, saga_id: str, timeout_seconds: float, context: Context | None = None, since: int = 0
    ) -> Step | None:
        """The saga at its end, or as far as it came in this time (or in what the call has left of its own).

        None where nothing came that is newer than the version `since`, and where so many wait that this call cannot.
        """
        timeout_seconds = self._left(timeout_seconds, context)
        last: Step | None = None
        if timeout_seconds <= 0 or not may_wait():
            return last
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds) as timeout, aclosing(self.watch(saga_id, since)) as steps:
                with ends_with_server(timeout):
                    async for step in steps:
                        last = step
        return last

    def changes(self, key: str) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever this process commits a change of the row with this key."""
        return self._watchers.changes(key)

    async def seen(
        self, look: Callable[[Connection], Awaitable[T]], timeout_seconds: float, context: Context | None = None
    ) -> T | None:
        """What a look sees, through an outage of the database if that ends in this time; None if it does not."""
        deadline = asyncio.get_running_loop().time() + self._left(timeout_seconds, context)
        while True:
            try:
                async with self.read() as connection:
                    return await look(connection)
            except Exception as error:  # every error but an outage passes
                if not passes(error):
                    raise
            if asyncio.get_running_loop().time() + POLL_SECONDS > deadline:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def keep(self, request: Any, told: M, ended: M) -> M:  # Any: a request of any command
        """The answer of a settled call, stored in the place of the one that told of its beginning.

        Who asks again hears the same, whatever has happened since. Another call under the same id may have been first:
        then its answer is the one. While the database is away, it is told without being stored.
        """
        kept = await self._keeper.keep(request.request_id, told.SerializeToString(), ended.SerializeToString())
        return ended if kept is None else type(told).FromString(kept)

    def _left(self, seconds: float, context: Context | None) -> float:
        """So many seconds, or what the call has left of its time."""
        remaining = None if context is None else context.time_remaining()
        return seconds if remaining is None else min(seconds, usable(remaining))


def usable(seconds: float) -> float:
    """How much of the time that is left to a call it may wait, and still be answered within it."""
    return seconds - min(max(RESERVE_SECONDS, seconds * RESERVE_SHARE), RESERVE_SECONDS_MAX)


def body_hash(request: Wire, seen: Seen | None = None) -> bytes:
    """What makes two requests the same: their type, their fields and what their caller has seen, except how long the
    caller wants to wait.

    The request's id is in lower case (`calls.lower_ids`), so its letters make no difference.
    """
    name = request.DESCRIPTOR.full_name
    if "wait_timeout" in request.DESCRIPTOR.fields_by_name and request.HasField("wait_timeout"):
        copy = type(request)()
        copy.CopyFrom(request)
        copy.ClearField("wait_timeout")
        request = copy
    beside = f"\0{seen.key} {seen.version}".encode() if seen is not None else b""
    said = name.encode() + b"\0" + request.SerializeToString(deterministic=True) + beside
    return blake2b(said, digest_size=16).digest()


def error_of(refusal: Refused) -> SettlementError:
    """The error that a stored refusal is to its caller."""
    kind = BY_STATUS.get(refusal.status, FailedPrecondition)
    return kind(refusal.reason, refusal.detail, dict(refusal.metadata))
