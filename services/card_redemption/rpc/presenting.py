"""A code that a caller presents: counted, found by its blind index, and out of the request before it goes any further.

Whatever it is, a code of the caller's, another's, a dead one or no code at all, the same is done with it here.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import Message

from services.card_redemption.domain.codes import WRONG_CODES_MAX
from services.card_redemption.store.attempts import count_wrong_codes
from services.card_redemption.vault import Vault
from services.kernel.secret import Secret
from services.runtime.ground.tables import Connection
from services.runtime.rpc.edge import Edge

WRONG_CODES_WINDOW = timedelta(hours=1)
"""In which wrong codes of one caller are counted."""
M = TypeVar("M", bound=Message)


class PresentedCode(NamedTuple):
    """The card whose code it is or would be, its blind index, and how many wrong codes its caller may have given."""

    card_id: str
    blind_index: str
    wrong_before: int


class Presenting:
    """Takes codes at the edge. A code that is still looked at counts as a wrong one, so that asking many times at once
    gains nothing. Of drafts, which are confirmed by the dozen, so many of one caller are decided at a time as codes may
    be wrong: the others wait for a place."""

    def __init__(self, edge: Edge, vault: Vault) -> None:
        self._edge, self._vault = edge, vault
        self._under_way: Counter[str] = Counter()
        self._places: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def code(self, actor: str, code: Secret) -> AsyncIterator[PresentedCode]:
        """The code that somebody presents, for as long as it is decided."""
        with self._counted(actor) as others:
            yield await self.drafted(actor, code, others)

    async def drafted(self, actor: str, code: Secret, others: int = 0) -> PresentedCode:
        """The code of a draft: whose it is is looked at when the draft is confirmed, so others of his do not count."""
        async with self._edge.read() as connection:
            found = await self._vault.presented(connection, code)
            wrong = await self._wrong(connection, actor)
        return PresentedCode(found.card_id, found.blind_index, wrong + others)

    @asynccontextmanager
    async def draft(self, actor: str) -> AsyncIterator[int]:
        """How many codes of somebody were wrong, while a draft of his is decided that holds a code."""
        with self._counted(actor):
            async with self._places.setdefault(actor, asyncio.Semaphore(WRONG_CODES_MAX)):
                async with self._edge.read() as connection:
                    wrong = await self._wrong(connection, actor)
                yield wrong

    async def _wrong(self, connection: Connection, actor: str) -> int:
        now = await self._edge.clock.now(connection)
        return await count_wrong_codes(connection, actor, now, WRONG_CODES_WINDOW)

    @contextmanager
    def _counted(self, actor: str) -> Iterator[int]:
        """How many codes of this caller are under way, and with this one more."""
        others = self._under_way[actor]
        self._under_way[actor] += 1
        try:
            yield others
        finally:
            self._under_way[actor] -= 1
            if not self._under_way[actor]:
                del self._under_way[actor]
                self._places.pop(actor, None)


def without_code(request: M, blind_index: str, field: str = "code") -> M:
    """The request with the blind index in the place of the code: what is kept of a request, be it a hash, is no help to
    who guesses."""
    masked: Any = type(request)()  # Any: generated code makes each request a type of its own
    masked.CopyFrom(request)
    setattr(masked, field, blind_index)
    return masked  # type: ignore[no-any-return]  # of the request's own type
