"""The end of a server's calls: who is under way gets an answer, and who comes later hears UNAVAILABLE and when to come
again.

Every client of gRPC tries UNAVAILABLE again. CANCELLED, which gRPC's own stop says to calls that it drops, none does.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from services.kernel.errors import Unavailable

HELD_SECONDS_MAX = 1.0
"""So long who comes too late waits for the end of the process, at which its connection goes too: else it would come
here again, and again, until it has tried often enough."""
HELD_AGAIN_SECONDS_MAX = 30.0
"""So long who comes again: longer than any stop lasts (`hard_exit_after`). The next try goes elsewhere then, and less
is spent of what gRPC lets a channel try again."""
ATTEMPTS = "grpc-previous-rpc-attempts"
"""By what gRPC marks its own repeats."""
LOOK_SECONDS = 0.005


class Closing:
    """Built with the server; `begin`, later `cut_off`, and `end` once nothing but the process itself is left."""

    def __init__(self) -> None:
        self.begun = False
        self.calls: set[asyncio.Task[object] | None] = set()
        """The tasks of the calls that are served."""
        self._late = False
        self._over = asyncio.Event()
        self._waits: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        """Take no call more, and let none wait any longer: what is being decided goes on."""
        self.begun = True
        for wait in self._waits:
            _expire(wait)

    async def ended(self, seconds: float) -> bool:
        """Whether no call is served any more, in this time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.calls:
                    await asyncio.sleep(LOOK_SECONDS)
        return not self.calls

    def cut_off(self) -> None:
        """End the calls that are still under way."""
        self._late = True
        for call in self.calls:
            if call is not None:
                call.cancel()

    def end(self) -> None:
        """Answer who came too late."""
        self._over.set()

    @contextmanager
    def ends(self, wait: asyncio.Timeout) -> Iterator[None]:
        """Have this time be over as soon as no call may wait any longer."""
        if self.begun:
            _expire(wait)
        self._waits.add(wait)
        try:
            yield
        finally:
            self._waits.discard(wait)

    async def turn_away(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> NoReturn:
        """The answer to a call that comes too late, with this metadata."""
        again = any(name == ATTEMPTS for name, _ in metadata or ())
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_AGAIN_SECONDS_MAX if again else HELD_SECONDS_MAX):
                await self._over.wait()
        raise gone()

    def meaning(self, error: BaseException) -> BaseException:
        """What ended the call that runs here: the end of the server, if it was cut off."""
        task = asyncio.current_task()
        if not self._late or task is None or not isinstance(error, asyncio.CancelledError):
            return error
        while task.cancelling():
            task.uncancel()
        return gone()


def gone() -> Unavailable:
    """What a call hears that this process does not answer any more."""
    return Unavailable("UNAVAILABLE", "the process is stopping; try again with the same request id")


def _expire(wait: asyncio.Timeout) -> None:
    if not wait.expired():
        wait.reschedule(0.0)
