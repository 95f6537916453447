"""What changes something without being decided by a lane: an operator's verb, or a run over many accounts.

    return await once(edge, request, pb.RetrySagaResponse, lambda connection: self._retry(connection, request))

It keeps the promise of every mutation all the same: one request id is one request, whose answer stays what it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message as Wire

from services.kernel.decision import Refused
from services.kernel.errors import AlreadyExists
from services.kernel.saga import Verdict
from services.runtime.ground.tables import Connection
from services.runtime.rpc.edge import Edge, body_hash, error_of
from services.runtime.rpc.refusals import FINAL, REUSED
from services.runtime.stored import inbox
from services.runtime.stored.inbox import Answered

M = TypeVar("M", bound=Wire)
_TURNS = 0x5E75
"""The class of the lock of whoever acts for a request, until its answer is stored."""


async def once(edge: Edge, request: Any, kind: type[M], act: Callable[[Connection], Awaitable[M]]) -> M:
    """The stored answer to a request, or that of `act`, which is stored in the transaction in which it acts: of two at
    the same time one acts, the other hears its answer. REQUEST_ID_REUSED for another body under the same id."""
    hashed = body_hash(request)
    async with edge.read() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _TURNS, request.request_id)
        kept = await inbox.find(connection, request.request_id)
        if kept is None:
            told = await _told(request.request_id, hashed, lambda: _undone_if_refused(connection, act))
            kept = await inbox.keep(connection, told, await edge.clock.now(connection), edge.settings.chain_key)
        _check_body(kept, hashed)  # of another's answer to this id ours is undone
    return _answer(kept, kind)


async def run_once(edge: Edge, request: Any, kind: type[M], run: Callable[[], Awaitable[M]]) -> M:
    """The same for a run of many steps, each of them a request of its own: only its answer is stored here.

    Whoever asks again while nothing is stored yet, as after a fault, has it run again: a second time must do no harm.
    """
    hashed = body_hash(request)
    async with edge.read() as connection:
        kept = await inbox.find(connection, request.request_id)
    if kept is None:
        told = await _told(request.request_id, hashed, run)
        async with edge.read() as connection:
            kept = await inbox.keep(connection, told, await edge.clock.now(connection), edge.settings.chain_key)
    _check_body(kept, hashed)
    return _answer(kept, kind)


def _check_body(kept: Answered, hashed: bytes) -> None:
    if kept.body_hash != hashed:
        raise AlreadyExists(REUSED, "this request_id was used with another body")


def _answer(kept: Answered, kind: type[M]) -> M:
    if kept.verdict is Verdict.REFUSED:
        raise error_of(kept.refusal)
    return kind.FromString(kept.outcome)


async def _undone_if_refused(connection: Connection, act: Callable[[Connection], Awaitable[M]]) -> M:
    async with connection.transaction():
        return await act(connection)


async def _told(request_id: str, hashed: bytes, act: Callable[[], Awaitable[M]]) -> Answered:
    try:
        answer = await act()
    except FINAL as error:
        return inbox.refused(request_id, Refused.of(error), hashed)
    return Answered(request_id, Verdict.DONE, answer.DESCRIPTOR.full_name, answer.SerializeToString(), hashed)
