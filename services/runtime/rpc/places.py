"""The calls under way, counted by what they do now: those who wait never take the place of those who act (G6).

A command that was decided and waits for an end moves from the commands to those who wait; where no place is left there,
it does not wait, and tells what there is.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from functools import partial

from google.protobuf.message import Message

from services.kernel.errors import ResourceExhausted
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.rpc.closing import Closing, gone

OPERATORS = "/settlement.operations."
OPERATORS_MAX = 64
"""So many calls of operators at a time: however full everything else is, they see it and can act."""


class Use(StrEnum):
    """What a call does now."""

    COMMAND = "command"
    READ = "read"
    WATCH = "watch"
    OPERATOR = "operator"


def use_of(method: str, request: object) -> Use:
    """What a unary call does first; a stream watches from its beginning. What changes something has a request id, or
    is a batch of such."""
    if OPERATORS in method:
        return Use.OPERATOR
    fields = request.DESCRIPTOR.fields_by_name if isinstance(request, Message) else ()
    return Use.COMMAND if "request_id" in fields or "requests" in fields else Use.READ


class Places:
    """How many calls do what, and how many may."""

    def __init__(self, settings: Settings) -> None:
        self._most: Mapping[Use, int] = {
            Use.COMMAND: settings.rpc_concurrent_max, Use.READ: settings.rpc_concurrent_max,
            Use.WATCH: settings.rpc_watchers_max, Use.OPERATOR: min(OPERATORS_MAX, settings.rpc_concurrent_max),
        }
        self.closing = Closing()
        self.taken: Counter[Use] = Counter()
        for use in Use:
            metrics.RPCS_UNDER_WAY.labels(use.value).set_function(partial(self.taken.__getitem__, use))

    def enter(self, use: Use) -> "Place":
        """A place for a call that begins; give it back with `leave`. OVERLOADED if there is none."""
        if self.taken[use] >= self._most[use]:
            metrics.REJECTED.labels(use.value).inc()
            raise ResourceExhausted("OVERLOADED", f"too many calls of this kind ({use}) are under way")
        self.taken[use] += 1
        return Place(self, use)

    def free(self, use: Use) -> bool:
        """Whether one call more may do this."""
        return self.taken[use] < self._most[use]


class Place:
    """One call's place."""

    __slots__ = ("_places", "use")

    def __init__(self, places: Places, use: Use) -> None:
        self._places = places
        self.use = use

    @property
    def closing(self) -> Closing:
        """The end of the server that has the place."""
        return self._places.closing

    def watch(self) -> bool:
        """Go on as one who waits, if there is a place for that."""
        if self.use is not Use.WATCH and self._places.free(Use.WATCH):
            self._places.taken[self.use] -= 1
            self._places.taken[Use.WATCH] += 1
            self.use = Use.WATCH
        return self.use is Use.WATCH

    def leave(self) -> None:
        """The call is over."""
        self._places.taken[self.use] -= 1


PLACE: ContextVar[Place | None] = ContextVar("place", default=None)
"""The place of the call that runs here."""


def may_wait() -> bool:
    """Whether the call that runs here may wait; from then on it counts as one that does. What is no call may."""
    place = PLACE.get()
    return place is None or place.watch()


def ends_with_server(wait: asyncio.Timeout) -> AbstractContextManager[None]:
    """For the block, have what the call that runs here waits be over when its server stops."""
    place = PLACE.get()
    return nullcontext() if place is None else place.closing.ends(wait)


def check_served() -> None:
    """Raise UNAVAILABLE where the server of the call that runs here stops: nothing may wait any longer."""
    place = PLACE.get()
    if place is not None and place.closing.begun:
        raise gone()


def waits() -> bool:
    """Whether the call that runs here was admitted as one that waits."""
    place = PLACE.get()
    return place is not None and place.use is Use.WATCH
