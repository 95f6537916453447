"""Admitting messages: repeats get the stored answer, sagas their order, the rest is decided, and every law is held.

An `Admission` is one transaction. What it does not know it asks for, round by round; whoever runs it loads that, from
tables or from memory, and stores, sends and answers the effects in the end.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic

from services.kernel.decision import Busy, Decision, Done, Known, Missing, Refused, Rule, Timer
from services.kernel.effects import A, Answer, Arrival, Effects, SentAcknowledgement, SentReply, TimerKey, ToLoad
from services.kernel.errors import AlreadyExists, Defect, SettlementError, Undecodable
from services.kernel.laws import check_journals, check_step
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.notices import keep_notices
from services.kernel.participant import IsBusy
from services.kernel.saga import Verdict

ROUNDS_MAX = 32
"""How often messages may ask for more aggregates before that counts as a defect."""

RETRY_FAULTY_TIMER = timedelta(seconds=60)
"""When a timer whose decision failed is tried again."""

PLACE_FIRST = 0
"""Before every place in a line: whoever comes after a message that was just set aside stands behind it."""

_TOMBSTONED = Refused("TOMBSTONED")
_PARKED = Refused("PARKED")
_REUSED = Refused.of(AlreadyExists("REQUEST_ID_REUSED", "this request_id was used with another body"))
_DONE = Done()


def answers_for(message: Message) -> tuple[str, ...]:
    """The ids whose stored answers say whether this message is fresh; the first is its own."""
    saga = message.saga
    if saga is None:
        return (message.id,) if message.id else ()
    tried = f"{saga.saga_id}/{Op.TRY}"
    if saga.op in (Op.TRY, Op.EXECUTE):
        return (tried,)
    return (f"{saga.saga_id}/{saga.op}", tried)


class Admission(Generic[A]):
    """The messages of one transaction, each on top of the last.

    Take `rounds`, load what each asks for into `known`, `stored` (answers by id) and `due` (timers that are still due);
    `effects` are whole when there is no further round. `lines` has, by key, the place of the first message that is set
    aside: what is set aside here is added to it.
    """

    __slots__ = ("_lines", "_now", "_rules", "_timers", "due", "effects", "known", "stored")

    def __init__(
        self, rules: Mapping[type, Rule], timers: Mapping[str, Rule], now: datetime, lines: dict[str, int] | None = None
    ) -> None:
        self._rules = rules
        self._timers = timers
        self._now = now
        self._lines = {} if lines is None else lines
        self.known = Known()
        self.stored: dict[str, Answer] = {}
        self.due: set[TimerKey] = set()
        self.effects: Effects[A] = Effects()

    def rounds(self, arrivals: Sequence[A]) -> Iterator[ToLoad]:
        """What to load next, until all is decided. A root whose message asks for more waits, the others go on."""
        yield self._wanted(arrivals)
        todo: Sequence[A] = arrivals
        for _ in range(ROUNDS_MAX):
            waiting: list[A] = []
            held: set[str] = set()
            more = ToLoad()
            for arrival in todo:
                if arrival.message.key in held:
                    waiting.append(arrival)
                    continue
                try:
                    self._admit(arrival)
                except Missing as missing:
                    held.add(arrival.message.key)
                    waiting.append(arrival)
                    more.add(missing)
            if not waiting:
                return
            yield more
            todo = waiting
        raise Defect(f"a decision asks for more than {ROUNDS_MAX} rounds: {more}")

    def _wanted(self, arrivals: Sequence[A]) -> ToLoad:
        wanted = ToLoad()
        for arrival in arrivals:
            if not _unread(arrival):
                message = arrival.message
                for kind, key in self._rule_of(message).wants(message.body, message):
                    wanted.rows.setdefault(kind, set()).add(key)
                wanted.answers.update(answers_for(message))
            if (timer := _timer(arrival.message)) is not None:
                wanted.timers.add((timer.kind, timer.key))
        return wanted

    def _rule_of(self, message: Message) -> Rule:
        timer = _timer(message)
        rule = self._rules.get(type(message.body)) if timer is None else self._timers.get(timer.kind)
        if rule is None:
            raise Defect(f"no rule for {message.body!r}")
        return rule

    def _admit(self, arrival: A) -> None:
        """Give duplicates the stored answer; decide what is fresh."""
        message = arrival.message
        if _unread(arrival) or self._follows(arrival):
            self._set_aside(arrival, arrival.fault or Undecodable("FOLLOWS_PARKED", message.key))
            return
        if (timer := _timer(message)) is not None and (timer.kind, timer.key) not in self.due:
            return
        ids = answers_for(message)
        if not ids:
            self._decide(arrival, "")
            return
        before = self._answer(ids[0])
        if before is not None:
            self._repeat(arrival, before)
        elif len(ids) > 1:
            self._second_phase(arrival, *ids)
        else:
            self._decide(arrival, ids[0])

    def _answer(self, answer_id: str) -> Answer | None:
        return self.effects.answered.get(answer_id) or self.stored.get(answer_id)

    def _follows(self, arrival: A) -> bool:
        """Whether a message of its key that came before it is set aside; one that is retried stands where it stood."""
        first = self._lines.get(arrival.message.key)
        return first is not None and (place := arrival.place_in_line) is not None and place > first

    def _repeat(self, arrival: A, before: Answer) -> None:
        if arrival.message.saga is not None:
            self.effects.sent.append(SentReply(arrival.message, before))
        elif arrival.message.notice:
            self.effects.sent.append(SentAcknowledgement(arrival.message))
        elif before.body_hash == arrival.body_hash:
            self.effects.answers.append((arrival, before))
        else:
            self.effects.answers.append((arrival, Answer(arrival.message.id, Verdict.REFUSED, _REUSED)))

    def _second_phase(self, arrival: A, own: str, tried_id: str) -> None:
        """CONFIRM and CANCEL look at what became of the TRY; a CANCEL that comes
        first leaves a tombstone (cases 3, 4, 7)."""
        tried = self._answer(tried_id)
        if tried is not None and tried.verdict is Verdict.DONE:
            self._decide(arrival, own)
        elif arrival.message.saga is not None and arrival.message.saga.op is Op.CONFIRM:
            self._set_aside(arrival, Defect("UNKNOWN_TRY"))
        else:
            if tried is None:
                self.effects.answered[tried_id] = Answer(tried_id, Verdict.TOMBSTONED, _TOMBSTONED, op=Op.TRY)
            self._answer_with(arrival, own, _DONE)

    def _decide(self, arrival: A, own_id: str) -> None:
        message = arrival.message
        if isinstance(arrival.fault, SettlementError):
            self._answer_with(arrival, own_id, Refused.of(arrival.fault))
            return
        try:
            decision = self._rule_of(message).decide(self.known, message.body, message, self._now)
            decision = keep_notices(self.known, message, decision, self._now)
        except SettlementError as error:
            decision = Decision(Refused.of(error))
        except IsBusy as busy:
            decision = Decision(Busy(busy.holder))
        except Missing:
            raise
        except Exception as error:  # a defect in one message's decision must not stop the others: set aside, and told
            self._set_aside(arrival, error)
            return
        outcome = decision.outcome
        if isinstance(outcome, Busy):
            self.effects.busy.append((arrival, outcome))
            return
        if isinstance(outcome, Done):
            self._take(message, decision)
        self._settle_timer(message, decision)
        if own_id:
            self._answer_with(arrival, own_id, outcome)

    def _set_aside(self, arrival: A, error: Exception) -> None:
        """A record is parked with its followers, and its coordinator told; a timer is tried later;
        a caller gets the fault."""
        self.effects.faulty.append((arrival, error))
        message = arrival.message
        if (timer := _timer(message)) is not None:
            later = Timer(timer.kind, timer.key, message.key, self._now + RETRY_FAULTY_TIMER)
            self.effects.timers[timer.kind, timer.key] = later
        elif arrival.place_in_line is not None:
            if message.key:
                self._lines[message.key] = PLACE_FIRST
            if message.saga is not None:
                self.effects.sent.append(SentReply(message, Answer("", Verdict.PARKED, _PARKED, op=message.saga.op)))
            elif message.notice:
                self.effects.sent.append(SentAcknowledgement(message))

    def _answer_with(self, arrival: A, own_id: str, outcome: Done | Refused) -> None:
        verdict = Verdict.DONE if isinstance(outcome, Done) else Verdict.REFUSED
        saga = arrival.message.saga
        if saga is None:
            answer = Answer(own_id, verdict, outcome, arrival.body_hash)
            self.effects.answers.append((arrival, answer))
            if arrival.message.notice:
                self.effects.sent.append(SentAcknowledgement(arrival.message))
        else:
            answer = Answer(own_id, verdict, outcome, op=saga.op)
            self.effects.sent.append(SentReply(arrival.message, answer))
        self.effects.answered[own_id] = answer

    def _settle_timer(self, message: Message, decision: Decision) -> None:
        """A timer that came true is gone, unless its own decision sets it again."""
        timer = _timer(message)
        if timer is not None and all((t.kind, t.key) != (timer.kind, timer.key) for t in decision.timers):
            self.effects.cleared.add((timer.kind, timer.key))
            self.effects.timers.pop((timer.kind, timer.key), None)

    def _take(self, message: Message, decision: Decision) -> None:
        """Take a decision into the view and the effects, its laws held."""
        dirty, root_version = self.effects.dirty, 0
        for row in decision.changes:
            kind = type(row)
            before = self.known.find(kind, row.key) if self.known.has(kind, row.key) else None
            if before is not None:
                check_step(before, row)
            if row.key == message.key:
                root_version = row.version
            self.known.put(row)
            dirty.setdefault(kind, {})[row.key] = row
        check_journals(message, decision, root_version)
        self.effects.take(message, decision, root_version, self._now)


def _unread(arrival: Arrival) -> bool:
    """Whether there is nothing to decide; a refusal that is known before it is decided is no such thing."""
    return arrival.fault is not None and not isinstance(arrival.fault, SettlementError)


def _timer(message: Message) -> TimerDue | None:
    return message.body if isinstance(message.body, TimerDue) else None
