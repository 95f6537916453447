"""What changes something without being decided by a lane: an operator's verb, or a run over many accounts.

    return await once(edge, request, pb.RetrySagaResponse, lambda: self._retry(request))

It keeps the promise of every mutation all the same: one request id is one request, whose answer stays what it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message as Wire

from services.kernel.decision import Refused
from services.kernel.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from services.kernel.saga import Verdict
from services.runtime.rpc.edge import Edge, body_hash, error_of
from services.runtime.stored import inbox
from services.runtime.stored.inbox import Answered

M = TypeVar("M", bound=Wire)
REFUSALS = (AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied)
"""What is an answer for good; any other error is a fault, after which the same request may be asked again."""


async def once(edge: Edge, request: Any, kind: type[M], act: Callable[[], Awaitable[M]]) -> M:
    """The stored answer to a request, or that of `act`, which then is stored: of two at the same time, the first.

    Whoever asks again while nothing is stored yet, as after a fault, has `act` called again, so a second time must do
    no harm. REQUEST_ID_REUSED for another body under the same id.
    """
    hashed = body_hash(request)
    async with edge.read() as connection:
        kept = await inbox.find(connection, request.request_id)
    if kept is None:
        told = await _told(request.request_id, hashed, act)
        async with edge.read() as connection:
            kept = await inbox.keep(connection, told, edge.clock.now())
    if kept.body_hash != hashed:
        raise AlreadyExists("REQUEST_ID_REUSED", "this request_id was used with another body")
    if kept.verdict is Verdict.REFUSED:
        raise error_of(kept.refusal)
    return kind.FromString(kept.outcome)


async def _told(request_id: str, hashed: bytes, act: Callable[[], Awaitable[M]]) -> Answered:
    try:
        answer = await act()
    except REFUSALS as error:
        return inbox.refused(request_id, Refused.of(error), hashed)
    return Answered(request_id, Verdict.DONE, answer.DESCRIPTOR.full_name, answer.SerializeToString(), hashed)
