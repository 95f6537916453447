"""What one message causes: everything that the lane saves, answers and sends in one transaction."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from services.kernel.errors import Aborted, Defect, SettlementError
from services.kernel.journal import Journal
from services.kernel.messages import Message, SagaRef, Seen, TimerDue

Vector = tuple[tuple[str, int], ...]
"""Money by name, fen: what a branch was planned to move, or says it moved. Sorted by name, no zeros."""


class Aggregate(Protocol):
    """Something stored in one row: its key, the root under whose lock it is written, and a version that steps by one
    with every visible change."""

    @property
    def key(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Done:
    """It was done. `result` is a dataclass for the caller; `moved` is the money vector of a saga's branch."""

    result: object = None
    moved: Vector = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """It was refused for a business reason; stored and given again to every duplicate.
    `status` is a gRPC status name."""

    reason: str
    detail: str = ""
    status: str = "FAILED_PRECONDITION"
    metadata: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, error: SettlementError) -> "Refused":
        """The refusal that an error of a rule means."""
        return cls(error.reason, error.detail, error.status, tuple(sorted(error.metadata.items())))


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else holds the aggregate (BZ-2): not an answer, never stored; who met it waits for the end of it."""

    holder: str


Outcome = Done | Refused | Busy


@dataclass(frozen=True, slots=True)
class Event:
    """A fact for subscribers; `sequence` counts the events of its aggregate without a gap, from 1."""

    aggregate_id: str
    sequence: int
    body: object


@dataclass(frozen=True, slots=True)
class Command:
    """A message to another service: a branch of a saga (`saga` set), or a notice (`saga` None, deduped by `id`)."""

    participant: str
    key: str
    body: object
    saga: SagaRef | None = None
    id: str = ""
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """A message from the future, unique by (kind, key); setting it again moves it. `root` is the aggregate to lock."""

    kind: str
    key: str
    root: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one message causes. A refusal carries nothing but its outcome."""

    outcome: Outcome = field(default_factory=Done)
    changes: tuple[Aggregate, ...] = ()
    journals: tuple[Journal, ...] = ()
    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
    timers: tuple[Timer, ...] = ()
    cleared: tuple[tuple[str, str], ...] = ()
    actions: tuple[object, ...] = ()
    records: tuple[object, ...] = ()
    """`cleared`: timers (kind, key) to delete. `actions`: calls to the outside world, made after the commit. `records`:
    what the service's permanent record has of it beside what its rule says of every outcome (`Rule.record`)."""


A = TypeVar("A", bound=Aggregate)


class Missing(Exception):
    """A decision names aggregates that it needs and did not get;
    the lane loads them under the same root lock and asks again.

    `rows` are (kind, key) pairs; `families` are (kind, root): all open children of that kind under that root.
    """

    def __init__(
        self, rows: Iterable[tuple[type, str]] = (), families: Iterable[tuple[type, str]] = ()
    ) -> None:
        super().__init__("more to load")
        self.rows = tuple(rows)
        self.families = tuple(families)


class Known:
    """The batch's read view: aggregates by key, as they are after the earlier messages of the same batch; the names of
    what operators have `stopped`, and the `limits` that settings give, absent where there is none."""

    def __init__(self) -> None:
        self.stopped: frozenset[str] = frozenset()
        self.limits: Mapping[str, int] = {}
        self._rows: dict[tuple[type, str], Aggregate | None] = {}
        self._families: dict[tuple[type, str], set[str]] = {}
        self._written: dict[tuple[type, str], set[str]] = {}

    def find(self, kind: type[A], key: str) -> A | None:
        """The aggregate, or None where there is none; raises `Missing` if nobody looked yet."""
        try:
            return self._rows[kind, key]  # type: ignore[return-value]  # rows are filed under their own type
        except KeyError:
            raise Missing(rows=[(kind, key)]) from None

    def children(self, kind: type[A], root: str) -> tuple[A, ...]:
        """All open children of this kind under the root, by key; raises `Missing` if they were not loaded."""
        keys = self._families.get((kind, root))
        if keys is None:
            raise Missing(families=[(kind, root)])
        found = [self._rows[kind, key] for key in sorted(keys)]
        return tuple(row for row in found if row is not None)  # type: ignore[misc]

    def under(self, roots: Container[str]) -> dict[str, tuple[Aggregate, ...]]:
        """What is known of these roots, the roots themselves among it, as it is now."""
        found: dict[str, list[Aggregate]] = {}
        for row in self._rows.values():
            if row is not None and row.root in roots:
                found.setdefault(row.root, []).append(row)
        return {root: tuple(rows) for root, rows in found.items()}

    def stale(self, seen: Seen | None, wants: "Wants", message: Message) -> Refused | None:
        """The refusal of a message whose caller has seen something that is not so any more. Meant is the kind that its
        rule wants under that key, or any that it looked at."""
        if seen is None:
            return None
        named = [kind for kind, key in wants(message.body, message) if key == seen.key]
        kinds = named or [kind for kind, key in self._rows if key == seen.key]
        found = (self._rows.get((kind, seen.key)) for kind in kinds)
        version = next((row.version for row in found if row is not None), None)
        if version == seen.version:
            return None
        told = "is not there" if version is None else f"is at version {version}, not {seen.version}"
        return Refused.of(Aborted("STALE_VERSION", f"{seen.key} {told}"))

    def has(self, kind: type, key: str) -> bool:
        """Whether somebody looked for this row already."""
        return (kind, key) in self._rows

    def loaded(self, kind: type[A], key: str) -> A | None:
        """The aggregate, or None where there is none, or where nobody looked yet."""
        return self._rows.get((kind, key))  # type: ignore[return-value]  # as above

    def load(self, kind: type, rows: dict[str, Aggregate], asked: Iterable[str]) -> None:
        """File what was read for the keys that were asked for; what was not found is known to be absent."""
        for key in asked:
            self._rows.setdefault((kind, key), rows.get(key))

    def load_family(self, kind: type, root: str, rows: Iterable[Aggregate]) -> None:
        """File all open children of a root; a row that was changed in this batch stays as changed."""
        keys = set(self._written.get((kind, root), ()))
        for row in rows:
            self._rows.setdefault((kind, row.key), row)
            keys.add(row.key)
        self._families[kind, root] = keys

    def put(self, row: Aggregate) -> None:
        """Take a changed or new aggregate into the view."""
        kind, key = type(row), row.key
        place = kind, row.root
        self._rows[kind, key] = row
        self._written.setdefault(place, set()).add(key)
        family = self._families.get(place)
        if family is not None:
            family.add(key)


B = TypeVar("B")
Wanted = tuple[tuple[type, str], ...]
"""What has to be loaded before a message is decided: (kind, key) pairs, its root among them."""
Wants = Callable[[Any, Message], Wanted]  # Any: of the type that a rule is for, which `rule` has checked


@dataclass(frozen=True, slots=True)
class Rule:
    """How one type of message is decided: what must be loaded first, and the pure function. Made by `rule`.

    `record` says what the permanent record has of it, whatever the outcome: a refusal carries nothing else.
    """

    body: type
    wants: Wants
    decide: Callable[[Known, Any, Message, datetime], Decision]  # Any: as above
    record: Callable[[Any, Message, Done | Refused], object] | None = None  # Any: as above


def rule(
    body: type[B], wants: Callable[[B, Message], Wanted], decide: Callable[[Known, B, Message, datetime], Decision],
    record: Callable[[B, Message, Done | Refused], object] | None = None,
) -> Rule:
    """The rule for messages with this type of body; the type checker holds all functions against it."""
    return Rule(body, wants, decide, record)


def rules(*each: Rule) -> Mapping[type, Rule]:
    """Rules by the type of the body that they decide; two for one type are a defect."""
    by_body = {rule.body: rule for rule in each}
    if len(by_body) != len(each):
        raise Defect(f"two rules for one of {sorted(rule.body.__qualname__ for rule in each)}")
    return by_body


def timer_rules(*each: tuple[str, Rule]) -> Mapping[str, Rule]:
    """Rules by the kind of the timer that they decide, each over the body `TimerDue`; two for one kind are a defect."""
    by_kind = dict(each)
    if len(by_kind) != len(each) or any(rule.body is not TimerDue for rule in by_kind.values()):
        raise Defect(f"two rules for one kind of {sorted(kind for kind, _ in each)}, or one that takes no timer")
    return by_kind
