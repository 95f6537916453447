"""Traces: what of a settlement happened when, in which process, under whose call. Off unless SETTLE_TRACED_PPM says so.

The trace of a saga follows from its id, so that nothing has to be stored for it: commands, replies, timers, repeats and
other processes all know it, whatever was lost between. Whether it is sampled follows from the trace, so that all or no
spans of it are there. A call has its caller's trace, or one of its own; where it begins a saga, the root of that one
links back to it. Without OpenTelemetry here: spans are plain, `exporting.py` hands them on.
"""

import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

TRACEPARENT = "traceparent"
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_MILLION = 1_000_000
_LOW = 2**64


class Context(NamedTuple):
    """Where a span is: its trace, its own id, and whether somebody keeps it."""

    trace_id: int
    span_id: int
    sampled: bool

    @property
    def traceparent(self) -> str:
        """As W3C's header says it."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"


@dataclass(frozen=True, slots=True)
class Span:
    """One thing that took time; `server` and `consumer` say which side of a call or of a record it is."""

    name: str
    context: Context
    parent: Context | None
    began_ns: int
    ended_ns: int
    kind: str = "internal"
    failed: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Context, ...] = ()


CALL: ContextVar[Context | None] = ContextVar("call", default=None)
"""The span of the call that is being served."""


def read(traceparent: str | bytes) -> Context | None:
    """What a header says; None where it is none, for a caller's tracing is no reason to refuse its call."""
    text = traceparent.decode("latin-1") if isinstance(traceparent, bytes) else traceparent
    found = _FORM.fullmatch(text)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return Context(int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & 1))


class Tracer:
    """What a process traces: so many of a million, handed to `take`. Without `take`, nothing is, at no cost."""

    def __init__(self, traced_ppm: int = 0, take: Callable[[Span], None] | None = None) -> None:
        self._below = traced_ppm * _LOW // _MILLION if take is not None else 0
        self._take = take

    @property
    def on(self) -> bool:
        """Whether anything is traced at all."""
        return self._take is not None

    def of_saga(self, saga_id: str) -> Context:
        """The root of its trace: the same in every process, at every time."""
        digest = blake2b(saga_id.encode(), digest_size=24).digest()
        trace_id = int.from_bytes(digest[:16], "big") or 1
        return Context(trace_id, int.from_bytes(digest[16:], "big") or 1, self._sampled(trace_id))

    def begin(self, parent: Context | None) -> Context:
        """The place of a new span below this one, or of the first one of a trace of its own."""
        if parent is None:
            trace_id = random.getrandbits(128) or 1
            return Context(trace_id, random.getrandbits(64) or 1, self._sampled(trace_id))
        return parent._replace(span_id=random.getrandbits(64) or 1)

    def headers(self, saga_id: str) -> list[tuple[str, bytes]]:
        """What a record of a saga says of its trace to whoever reads it; nothing where nobody keeps it."""
        if not self.on or not (root := self.of_saga(saga_id)).sampled:
            return []
        return [(TRACEPARENT, root.traceparent.encode())]

    def end(self, span: Span) -> None:
        """Hand it on, if somebody keeps it."""
        if self._take is not None and span.context.sampled:
            self._take(span)

    def _sampled(self, trace_id: int) -> bool:
        """By the lower half of the trace's id, as OpenTelemetry's own sampler has it."""
        return trace_id % _LOW < self._below


OFF = Tracer()


def parent_in(metadata: Iterable[tuple[str, str | bytes]] | None) -> Context | None:
    """The caller's span, by the headers of its call or of a record."""
    for name, text in metadata or ():
        if name == TRACEPARENT:
            return read(text)
    return None


def ns(at: datetime) -> int:
    """An instant as spans have it."""
    return round(at.timestamp() * 1e9)


def now_ns() -> int:
    """The present instant, by the clock of this machine."""
    return time.time_ns()
