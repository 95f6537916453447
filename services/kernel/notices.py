"""Notices: what a service tells another of its own accord, kept and repeated until the other says that it has it.

A saga's command is repeated by its saga; a notice belongs to none, so the sender keeps a row of it, with a timer. Of
the notices of one root to one other root only the oldest is under way: repeats cannot bring two of them out of order.
The receiver drops repeats by their id, and acknowledges each that it has decided or refused, or that a person has given
up. What is set aside is repeated on: a person sends it again by Kafka, which may lose it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.backoff import pause
from services.kernel.decision import Command, Decision, Known, Rule, Timer, Wanted, rule
from services.kernel.messages import Message, TimerDue

NOTICE = "notice"
"""The kind of the timer that every notice has until it is acknowledged."""

REPEAT_SECONDS = 5
REPEAT_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is not acknowledged yet, under the root that sent it; `place` is where it stands among those of the
    same root to the same receiver. `body` is opaque here: what the rule made, or what the runtime stored of it."""

    id: str
    root: str
    participant: str
    receiver: str
    body: object
    place: int
    attempts: int = 0
    open: bool = True
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def to(self) -> tuple[str, str]:
        """The service and the root that it is for."""
        return self.participant, self.receiver


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The receiver has the notice."""

    notice_id: str


def keep_notices(known: Known, message: Message, decision: Decision, now: datetime) -> Decision:
    """The decision with a row and a timer for each notice in it; one that has to wait for another is not sent yet."""
    if all(command.saga is not None for command in decision.commands):
        return decision
    waiting = {notice.id: notice for notice in _open(known, message.key)}
    commands, rows, timers = [], [], []
    for command in decision.commands:
        if command.saga is not None or command.id in waiting:
            commands.append(command)
            continue
        before = [notice.place for notice in waiting.values() if notice.to == (command.participant, command.key)]
        place = max(before, default=0) + 1
        notice = Notice(
            id=command.id, root=message.key, participant=command.participant, receiver=command.key, body=command.body,
            place=place,
        )
        waiting[notice.id] = notice
        rows.append(notice)
        timers.append(_repeat(notice, now))
        if not before:
            commands.append(command)
    return replace(
        decision, changes=(*decision.changes, *rows), commands=tuple(commands), timers=(*decision.timers, *timers)
    )


def _acknowledged(known: Known, body: Acknowledged, message: Message, now: datetime) -> Decision:
    """It is done with, and the next one to the same receiver goes out."""
    waiting = {notice.id: notice for notice in _open(known, message.key)}
    done = waiting.pop(body.notice_id, None)
    if done is None:
        return Decision()
    following = min((notice for notice in waiting.values() if notice.to == done.to), key=_place, default=None)
    sent = (_command(following),) if following is not None else ()
    timers = (_repeat(following, now),) if following is not None else ()
    ended = replace(done, open=False, version=done.version + 1)
    return Decision(changes=(ended,), commands=sent, timers=timers, cleared=((NOTICE, done.id),))


def _due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """It is sent again, or looked at again later where another one is before it."""
    waiting = {notice.id: notice for notice in _open(known, message.key)}
    notice = waiting.get(body.key)
    if notice is None:
        return Decision()
    again = replace(notice, attempts=notice.attempts + 1, version=notice.version + 1)
    first = min((other for other in waiting.values() if other.to == notice.to), key=_place)
    sent = (_command(notice),) if first is notice else ()
    return Decision(changes=(again,), commands=sent, timers=(_repeat(again, now),))


def _wanted(body: object, message: Message) -> Wanted:
    return ()


ACKNOWLEDGED: Rule = rule(Acknowledged, _wanted, _acknowledged)
REPEATED: tuple[str, Rule] = (NOTICE, rule(TimerDue, _wanted, _due))
"""What a service decides by that sends notices."""


def _open(known: Known, root: str) -> list[Notice]:
    return [notice for notice in known.children(Notice, root) if notice.open]


def _place(notice: Notice) -> int:
    return notice.place


def _command(notice: Notice) -> Command:
    return Command(notice.participant, notice.receiver, notice.body, id=notice.id)


def _repeat(notice: Notice, now: datetime) -> Timer:
    """The next time."""
    after = pause(notice.id, notice.attempts, first_seconds=REPEAT_SECONDS, most_seconds=REPEAT_SECONDS_MAX)
    return Timer(NOTICE, notice.id, notice.root, now + after)
