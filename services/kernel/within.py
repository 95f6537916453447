"""What a service says to itself is decided in the very transaction in which it is said, where its root is free.

A saga's command to another root of its coordinator's own service, the answer to it, a notice and its acknowledgement
are the same messages here as on the wire, under the same ids, with the same stored answers; they only need no courier.
What cannot be decided at once is sent: where somebody else has its root, or waits for it, or where it was answered
before, and whatever another lane would decide.
"""

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic

from services.kernel.admission import Admission
from services.kernel.decision import Busy, Command, Missing, Rule
from services.kernel.effects import A, Sent, SentCommand, SentEvent, SentReply, ToLoad
from services.kernel.ids import partition_of
from services.kernel.messages import SECOND_PHASE, Message, answers_for
from services.kernel.notices import Acknowledged
from services.kernel.saga import Verdict

ROUNDS_MAX = 8
"""How often what is to be decided within may ask for more; what asks once more is sent. Whatever a root is told has an
id that is looked for, so this is the end of two who answer each other for ever, too."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the lane of a transaction may decide beside its own messages: what comes to it by records in any case, for
    only the lane that has a partition `held` knows what is set aside there and who waits.

    `partitions` is how many there are; `locked` are the keys of the transaction's own messages. Any other root is
    locked after the instant of the decisions was read, so it has to be of a kind that is `told`: no call names it, so
    no other lane has decided it meanwhile, at a later instant.
    """

    held: Container[int]
    partitions: int
    locked: Container[str]
    told: Container[type]

    def has(self, message: Message, rule: Rule) -> bool:
        """Whether this message may be decided here."""
        if partition_of(message.key, self.partitions) not in self.held:
            return False
        wanted = rule.wants(message.body, message)
        return message.key in self.locked or any(kind in self.told and key == message.key for kind, key in wanted)


@dataclass(slots=True)
class _Saying:
    """What was said, the message that it is, its rule, and what was asked for to decide it."""

    sent: Sent
    message: Message
    rule: Rule
    asked: set[object] = field(default_factory=set)


class Within(Generic[A]):
    """What the messages of an admission say to the `service` that decides them. Take `rounds` once the admission's own
    are over, and load what each asks for: of roots those alone that no other transaction has, locked from then on; of
    answers, under these locks, those that are stored.

    `arrival` makes an arrival of a message; what is beyond its `reach` is sent; `lined` are the keys for whose claim
    somebody waits, which nobody who comes later is decided before. `arrivals` are those that were decided within. A
    defect of one of them is raised: whoever meets it begins anew with nothing within, for nothing else is wrong with
    what said it.
    """

    def __init__(
        self, admission: Admission[A], service: str, arrival: Callable[[Message], A], reach: Reach,
        lined: Container[str] = (),
    ) -> None:
        self._admission = admission
        self._service = service
        self._reach = reach
        self._arrival = arrival
        self._lined = lined
        self._busy: frozenset[str] = frozenset()
        self._looked: set[str] = set()
        self._heard = 0
        self._decided: set[int] = set()
        self.arrivals: list[A] = []

    def rounds(self) -> Iterator[ToLoad]:
        """What to load next, until all is decided that can be; in the end only the rest is to be sent."""
        todo = deque(self._said())
        if not todo:
            return
        self._busy = frozenset(arrival.message.key for arrival, _ in self._admission.effects.busy)
        for _ in range(ROUNDS_MAX):
            more, held = ToLoad(), list[_Saying]()
            while todo:
                saying = todo.popleft()
                try:
                    self._decide(saying)
                except Missing as missing:
                    if self._asks(saying, missing, more):
                        held.append(saying)
                todo.extend(self._said())
            if not held:
                break
            yield more
            self._looked |= more.answers
            todo.extend(held)
        sent = self._admission.effects.sent
        sent[:] = [each for each in sent if id(each) not in self._decided]

    def _said(self) -> Iterator[_Saying]:
        """What was said to this service since it was heard last."""
        sent, rules = self._admission.effects.sent, self._admission.rules
        new, self._heard = sent[self._heard :], len(sent)
        for each in new:
            message = _message(each, self._service, self._admission.now)
            rule = None if message is None else rules.get(type(message.body))
            if message is not None and rule is not None and self._reach.has(message, rule):
                yield _Saying(each, message, rule)

    def _asks(self, saying: _Saying, missing: Missing, more: ToLoad) -> bool:
        """Whether it asks for something new; what was asked for and is not there is not to be had."""
        answers = set(answers_for(saying.message)) - self._looked
        asked = {*missing.rows, *missing.families, *answers}
        if asked <= saying.asked:
            return False
        saying.asked |= asked
        more.add(missing)
        more.answers |= answers
        return True

    def _decide(self, saying: _Saying) -> None:
        """Decide it, or leave it to be sent; raises `Missing` if more has to be known first."""
        admission, message, rule = self._admission, saying.message, saying.rule
        ids = answers_for(message)
        lacking = [place for place in rule.wants(message.body, message) if not admission.known.has(*place)]
        if lacking or not self._looked.issuperset(ids):
            raise Missing(rows=lacking)
        if not self._may_be_decided(message, ids):
            return
        decision = admission.judged(rule, message)
        if isinstance(outcome := decision.outcome, Busy):
            return
        arrival = self._arrival(message)
        admission.take(arrival, rule, decision, outcome, ids[0] if ids else "")
        self._decided.add(id(saying.sent))
        self.arrivals.append(arrival)

    def _may_be_decided(self, message: Message, ids: tuple[str, ...]) -> bool:
        """Whether it is fresh, nothing that came before it is set aside, and nobody waits for its root."""
        admission, saga = self._admission, message.saga
        if message.key in admission.lines:
            return False
        if not ids:
            return True
        if admission.answer(ids[0]) is not None:
            return False
        if saga is not None and saga.op in SECOND_PHASE:
            tried = admission.answer(ids[1])
            return tried is not None and tried.verdict is Verdict.DONE
        return message.key not in self._lined and message.key not in self._busy


def _message(sent: Sent, service: str, now: datetime) -> Message | None:
    """What was sent as the message that it is on the other side; None if that is not this service."""
    if isinstance(sent, SentEvent):
        return None
    if isinstance(sent, SentCommand):
        return _told(sent.command, f"{service}/{sent.root}", now) if sent.command.participant == service else None
    name, _, root = sent.to.caller.partition("/")
    if name != service:
        return None
    if not isinstance(sent, SentReply):
        return Message("", root, Acknowledged(sent.to.id), fresh_id=f"{sent.to.id}/acknowledged")
    reply = sent.reply
    return None if reply is None else Message("", root, reply, fresh_id=f"{sent.to.id}/reply")


def _told(command: Command, caller: str, now: datetime) -> Message:
    """A command of a saga, or a notice."""
    saga = command.saga
    identity = command.id if saga is None else f"{saga.saga_id}/{saga.branch}/{saga.op}"
    return Message(
        identity, command.key, command.body, fresh_id=identity, saga=saga, caller=caller, not_after=command.not_after,
        sent_at=now,
    )
