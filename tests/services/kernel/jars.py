"""A service small enough to see through: jars with a limit, their labels,
and one rule for each thing that can happen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.kernel.decision import Command, Decision, Done, Event, Known, Timer, Wanted, rule, rules, timer_rules
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Unit, post
from services.kernel.messages import Message, TimerDue
from services.kernel.notices import ACKNOWLEDGED, REPEATED
from services.kernel.participant import Pending, refuse_if_busy, take_part
from tests.in_memory import InMemory

JAR = "jar_1"
STALE = "stale"


@dataclass(frozen=True, slots=True)
class Jar:
    """A root: how much is in it, how much fits, and who has claimed it."""

    key: str = JAR
    held: int = 0
    room: int = 10
    sequence: int = 0
    version: int = 1
    pending: Pending | None = None

    @property
    def root(self) -> str:
        """Itself."""
        return self.key


@dataclass(frozen=True, slots=True)
class Label:
    """A child of a jar; one that is torn off is not open any more."""

    key: str
    root: str = JAR
    text: str = ""
    open: bool = True
    version: int = 1


@dataclass(frozen=True, slots=True)
class Put:
    """Put this much in."""

    amount: int


@dataclass(frozen=True, slots=True)
class ReadLabels:
    """Read these labels, one after the other, and all that are open."""

    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Break:
    """Decide this, whatever it is."""

    decide: Callable[[Jar], Decision]


def _jar(body: object, message: Message) -> Wanted:
    return ((Jar, message.key),)


def _put(known: Known, body: Put, message: Message, now: datetime) -> Decision:
    jar = known.find(Jar, message.key) or Jar(message.key)

    def execute(claimed: Jar, at: datetime) -> Decision:
        if claimed.held + body.amount > claimed.room:
            raise FailedPrecondition("NO_ROOM", f"{claimed.room - claimed.held} fit in")
        full = replace(
            claimed, held=claimed.held + body.amount, version=claimed.version + 1, sequence=claimed.sequence + 1
        )
        return Decision(
            Done(full.held, (("JAR", body.amount),)), (full,),
            journals=post("put", Unit.CNY, (("IN", full.key, body.amount), ("OUT", full.key, -body.amount))),
            events=(Event(full.key, full.sequence, f"{body.amount} put in"),),
            commands=(Command("shelf", full.key, body, id=f"{message.id}/told"),),
            timers=(Timer(STALE, full.key, full.key, now + timedelta(days=1)),), actions=(f"close {full.key}",),
        )

    if message.saga is not None:
        return take_part(jar, message, now, execute)
    refuse_if_busy(jar)
    return execute(jar, now)


def _read(known: Known, body: ReadLabels, message: Message, now: datetime) -> Decision:
    texts = [label.text if (label := known.find(Label, key)) else "" for key in body.keys]
    return Decision(Done((tuple(texts), tuple(label.key for label in known.children(Label, message.key)))))


def _break(known: Known, body: Break, message: Message, now: datetime) -> Decision:
    return body.decide(known.find(Jar, message.key) or Jar(message.key))


def _gone_stale(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    jar = known.find(Jar, body.key) or Jar(body.key)
    refuse_if_busy(jar)
    if jar.held > jar.room:
        raise ValueError("the jar has burst")
    again = (Timer(STALE, jar.key, jar.key, now + timedelta(days=1)),) if jar.held > 5 else ()
    return Decision(changes=(replace(jar, held=max(jar.held - 3, 0), version=jar.version + 1),), timers=again)


RULES = rules(rule(Put, _jar, _put), rule(ReadLabels, _jar, _read), rule(Break, _jar, _break), ACKNOWLEDGED)
TIMERS = timer_rules((STALE, rule(TimerDue, _jar, _gone_stale)), REPEATED)


def shelf(*rows: Jar | Label) -> InMemory:
    """The service, with these rows stored."""
    return InMemory(RULES, TIMERS, name="shelf").given(*rows)
