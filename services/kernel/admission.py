"""Admitting messages: repeats get the stored answer, sagas their order, the rest is decided, and every law is held.

An `Admission` is one transaction. What it does not know it asks for, round by round; whoever runs it loads that, from
tables or from memory, and stores, sends and answers the effects in the end.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic

from services.kernel.decision import Busy, Decision, Done, Known, Missing, Refused, Rule, Timer
from services.kernel.effects import A, Answer, Arrival, Effects, SentAcknowledgement, SentReply, TimerKey, ToLoad
from services.kernel.errors import AlreadyExists, Defect, SettlementError, Undecodable, Untrusted
from services.kernel.laws import check_journals, check_step
from services.kernel.messages import SECOND_PHASE, Message, Op, TimerDue, answers_for, timer_of
from services.kernel.notices import keep_notices
from services.kernel.participant import IsBusy
from services.kernel.saga import Run, Verdict

ROUNDS_MAX = 32
"""How often messages may ask for more aggregates before that counts as a defect."""

RETRY_FAULTY_TIMER = timedelta(seconds=60)
"""When a timer whose decision failed is tried again."""

RETRY_BUSY_TIMER = timedelta(seconds=5)
"""When a timer that met a claim is looked for again; until then it hides none of those that are due after it."""

PLACE_FIRST = 0
"""Before every place in a line: whoever comes after a message that was just set aside stands behind it."""

_TOMBSTONED = Refused("TOMBSTONED")
_PARKED = Refused("PARKED")
_REUSED = Refused.of(AlreadyExists("REQUEST_ID_REUSED", "this request_id was used with another body"))
_DONE = Done()
_FAULT = Refused("INTERNAL", status="INTERNAL")


def _never(_arrival: object) -> bool:
    return False


_NOBODY: Mapping[str, Sequence[Any]] = {}  # Any: nobody is of every kind


class Admission(Generic[A]):
    """The messages of one transaction, each on top of the last.

    Take `rounds`, load what each asks for into `known`, `stored` (answers by id) and `due` (timers that are still due);
    `effects` are whole when there is no further round. `now` is the instant of all its decisions, known when the first
    round is loaded. `lines` has, by key, the place of the first message that is set aside: what is set aside here is
    added to it. `left` are those that were not decided because it was enough.

    Who met a claim waits for its end (BZ-3): when the saga that holds it lets it go, those who wait for that root are
    decided next, in the order in which they came, until one of them claims it anew.
    """

    __slots__ = (
        "_begun", "_busy", "_free", "_timers", "_unfit", "_waiting", "due", "effects", "known",
        "left", "lines", "now", "rules", "stored",
    )
    now: datetime

    def __init__(
        self, rules: Mapping[type, Rule], timers: Mapping[str, Rule], lines: dict[str, int] | None = None
    ) -> None:
        self.rules = rules
        self._timers = timers
        self.lines = {} if lines is None else lines
        self.known = Known()
        self.stored: dict[str, Answer] = {}
        self.due: set[TimerKey] = set()
        self.effects: Effects[A] = Effects()
        self.left: Sequence[A] = ()
        self._begun = False
        self._unfit: dict[int, Exception] = {}
        self._waiting: dict[str, deque[A]] = {}
        self._busy: dict[A, Busy] = {}
        self._free: set[str] = set()

    def rounds(
        self, arrivals: Sequence[A], enough: Callable[[A], bool] = _never,
        waiting: Mapping[str, Sequence[A]] = _NOBODY, awake: Collection[str] = (),
    ) -> Iterator[ToLoad]:
        """What to load next, until all is decided. A root whose message asks for more is held, the others go on.

        `enough` is asked before each message, once one is decided: if it says so, this and all that still waits is
        `left`, in its order. `waiting` are those who met a claim before, by key and in order; the first of each key
        that is `awake` is decided whether its claim ends here or not.
        """
        self._waiting = {key: deque(each) for key, each in waiting.items()}
        wanted = self._wanted([*arrivals, *(arrival for each in waiting.values() for arrival in each)])
        _count_moved(wanted, waiting)
        yield wanted
        self._free.update(awake)
        todo = deque([*filter(None, map(self._next, sorted(awake))), *arrivals])
        for _ in range(ROUNDS_MAX):
            held: list[A] = []
            more = self._admit_all(todo, held, enough)
            if todo:
                self._leave(arrivals, [*held, *todo])
            if todo or not held:
                self._note_waiting()
                return
            yield more
            todo = deque(held)
        raise Defect(f"a decision asks for more than {ROUNDS_MAX} rounds: {more}")

    def _leave(self, arrivals: Sequence[A], undecided: Sequence[A]) -> None:
        """These are for another transaction; who was woken for nothing waits on."""
        chosen = set(map(id, undecided))
        self.left = [arrival for arrival in arrivals if id(arrival) in chosen]
        self.effects.woken = [arrival for arrival in self.effects.woken if id(arrival) not in chosen]

    def _admit_all(self, todo: deque[A], held: list[A], enough: Callable[[A], bool]) -> ToLoad:
        """Admit these one after the other, until it is enough; those whose root has to be loaded are `held`, and with
        it what is asked."""
        more, asking = ToLoad(), set[str]()
        while todo:
            if enough(todo[0]) and self._begun:
                return more
            arrival = todo.popleft()
            key = arrival.message.key
            if key in asking:
                held.append(arrival)
                continue
            try:
                self._admit(arrival)
            except Missing as missing:
                asking.add(key)
                held.append(arrival)
                more.add(missing)
                continue
            self._begun = True
            if key in self._free and (following := self._next(key)) is not None:
                todo.appendleft(following)
        return more

    def _next(self, key: str) -> A | None:
        """The first who waits for this root, to be decided now."""
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        arrival = waiting.popleft()
        if self._busy.pop(arrival, None) is None:
            self.effects.woken.append(arrival)
        elif (timer := timer_of(arrival.message)) is not None:  # it met the claim, and was moved, in this transaction
            moved = self._later(timer, key, RETRY_BUSY_TIMER)
            if self.effects.timers.get((timer.kind, timer.key)) == moved:
                del self.effects.timers[timer.kind, timer.key]
        return arrival

    def _note_waiting(self) -> None:
        """Say who waits after all, who waits no longer, and what is free."""
        self.effects.let_go = self._free
        if not self._waiting:
            return
        waiting = [arrival for each in self._waiting.values() for arrival in each]
        self.effects.busy = [(arrival, self._busy[arrival]) for arrival in waiting if arrival in self._busy]
        self.effects.woken = [arrival for arrival in self.effects.woken if arrival not in self._busy]

    def _later(self, timer: TimerDue, root: str, delay: timedelta) -> Timer:
        return Timer(timer.kind, timer.key, root, self.now + delay)

    def _wanted(self, arrivals: Sequence[A]) -> ToLoad:
        wanted = ToLoad()
        for arrival in arrivals:
            if not _unread(arrival):
                message = arrival.message
                try:
                    needs = self._rule_of(message).wants(message.body, message)
                except Exception as error:
                    if arrival.place_in_line is None:
                        raise  # what is not a record is ours, and so is the defect
                    unknown = isinstance(error, Defect)
                    self._unfit[id(arrival)] = Undecodable("UNKNOWN_TYPE", str(error)) if unknown else error
                else:
                    for kind, key in needs:
                        wanted.rows.setdefault(kind, set()).add(key)
                wanted.answers.update(answers_for(message))
            if (timer := timer_of(arrival.message)) is not None:
                wanted.timers[timer.kind, timer.key] = None
        return wanted

    def _rule_of(self, message: Message) -> Rule:
        body = message.body
        rule = self._timers.get(body.kind) if isinstance(body, TimerDue) else self.rules.get(type(body))
        if rule is None:
            raise Defect(f"no rule for {body!r}")
        return rule

    def _admit(self, arrival: A) -> None:
        """Give duplicates the stored answer; decide what is fresh."""
        message = arrival.message
        if message.too_old(self.now):
            self.effects.passed_over.append(arrival)
            return
        if message.notice and (told := self.answer(message.id)) is not None:  # however it stands with its key
            self._repeat(arrival, told)
            return
        unfit = self._unfit.get(id(arrival)) if self._unfit else None
        if unfit is not None or _unread(arrival) or self._follows(arrival):
            self._set_aside(arrival, unfit or arrival.fault or Undecodable("FOLLOWS_PARKED", message.key))
            return
        if (timer := timer_of(message)) is not None and not self._still_due((timer.kind, timer.key)):
            return
        ids = answers_for(message)
        if not ids:
            self._decide(arrival, "")
            return
        before = self.answer(ids[0])
        if before is not None:
            self._repeat(arrival, before)
        elif len(ids) > 1:
            self._second_phase(arrival, *ids)
        else:
            self._decide(arrival, ids[0])

    def _still_due(self, key: TimerKey) -> bool:
        """Whether the timer was due when its root was locked, and nothing in this transaction fired or moved it."""
        return key in self.due and key not in self.effects.timers and key not in self.effects.cleared

    def answer(self, answer_id: str) -> Answer | None:
        """What is answered under this id, in this transaction or before; None if nothing is."""
        return self.effects.answered.get(answer_id) or self.stored.get(answer_id)

    def _follows(self, arrival: A) -> bool:
        """Whether a message of its key that came before it is set aside; one that is retried stands where it stood.

        The second phase follows nobody: it was promised with the TRY, and what is behind it waits for its claim.
        """
        message = arrival.message
        first = self.lines.get(message.key)
        if first is not None and message.saga is not None and message.saga.op in SECOND_PHASE:
            return False
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
        tried = self.answer(tried_id)
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
            self._record(self._rule_of(message), message, refused := Refused.of(arrival.fault))
            self._answer_with(arrival, own_id, refused)
            return
        try:
            rule = self._rule_of(message)
            decision = self.judged(rule, message)
        except Missing:
            raise
        except Exception as error:  # a defect in one message's decision must not stop the others: set aside, and told
            self._set_aside(arrival, error)
            return
        outcome = decision.outcome
        if isinstance(outcome, Busy):
            self._wait(arrival, outcome)
            return
        if (stale := self.known.stale(message.seen, rule.wants, message)) is not None:
            decision, outcome = Decision(stale), stale
        self.take(arrival, rule, decision, outcome, own_id)

    def judged(self, rule: Rule, message: Message) -> Decision:
        """What a rule makes of a message on what is known, refusals among it; nothing is taken. Raises `Missing`, and
        whatever a defect raises."""
        try:
            decision = rule.decide(self.known, message.body, message, self.now)
            return keep_notices(self.known, message, decision, self.now)
        except SettlementError as error:
            return Decision(Refused.of(error))
        except IsBusy as busy:
            return Decision(Busy(busy.holder))

    def take(self, arrival: A, rule: Rule, decision: Decision, outcome: Done | Refused, own_id: str) -> None:
        """Take a decision with its outcome into the view and the effects, under the id of its answer if it has one."""
        message = arrival.message
        if isinstance(outcome, Done):
            self._take(message, decision)
            self._follow_claim(message, decision)
        self._record(rule, message, outcome)
        self._settle_timer(message, decision)
        if own_id:
            self._answer_with(arrival, own_id, outcome)

    def _record(self, rule: Rule, message: Message, outcome: Done | Refused) -> None:
        """What the permanent record has of it, done or refused."""
        if rule.record is not None:
            self.effects.records.append(rule.record(message.body, message, outcome))

    def _wait(self, arrival: A, busy: Busy) -> None:
        """Wait for the end of the claim, behind those who met it before; a timer hides nobody meanwhile."""
        key = arrival.message.key
        waiting = self._waiting.setdefault(key, deque())
        if key in self._free:  # the first of those who wait: somebody else was quicker
            self._free.discard(key)
            waiting.appendleft(arrival)
        else:
            waiting.append(arrival)
        self._busy[arrival] = busy
        if (timer := timer_of(arrival.message)) is not None:
            self.effects.timers[timer.kind, timer.key] = self._later(timer, key, RETRY_BUSY_TIMER)

    def _follow_claim(self, message: Message, decision: Decision) -> None:
        """Note where a claim begins and ends: a participant's with TRY and the second phase, a coordinator's with the
        end of the run."""
        saga = message.saga
        if saga is None:
            if any(isinstance(row, Run) and row.terminal for row in decision.changes):
                self._free.add(message.key)
        elif saga.op is Op.TRY:
            self._free.discard(message.key)
        elif saga.op in SECOND_PHASE:
            self._free.add(message.key)

    def _set_aside(self, arrival: A, error: Exception) -> None:
        """A record is parked with its followers, its coordinator told; a timer is tried later; a caller hears of it.
        The sender of a notice is told nothing, and goes on repeating it until it is decided, or given up."""
        self.effects.faulty.append((arrival, error))
        message = arrival.message
        if (timer := timer_of(message)) is not None:
            self.effects.timers[timer.kind, timer.key] = self._later(timer, message.key, RETRY_FAULTY_TIMER)
        elif arrival.place_in_line is None:
            self._record(self._rule_of(message), message, _FAULT)
        else:
            if message.key and not isinstance(error, Untrusted):
                self.lines[message.key] = PLACE_FIRST
            if message.saga is not None:
                self.effects.sent.append(SentReply(message, Answer("", Verdict.PARKED, _PARKED, op=message.saga.op)))

    def _answer_with(self, arrival: A, own_id: str, outcome: Done | Refused) -> None:
        verdict = Verdict.DONE if isinstance(outcome, Done) else Verdict.REFUSED
        if (saga := arrival.message.saga) is None:
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
        timer = timer_of(message)
        if timer is not None and all((t.kind, t.key) != (timer.kind, timer.key) for t in decision.timers):
            self.effects.cleared.add((timer.kind, timer.key))
            self.effects.timers.pop((timer.kind, timer.key), None)

    def _take(self, message: Message, decision: Decision) -> None:
        """Take a decision into the view and the effects, its laws held."""
        dirty, root_version = self.effects.dirty, 0
        for row in decision.changes:
            kind, key = type(row), row.key
            before = self.known.loaded(kind, key)
            changed = dirty.setdefault(kind, {})
            if before is not None:
                check_step(before, row)
                if key not in changed:
                    self.effects.found.setdefault(kind, {})[key] = before.version
            if key == message.key:
                root_version = row.version
            self.known.put(row)
            changed[key] = row
        check_journals(message, decision, root_version)
        self.effects.take(message, decision, root_version, self.now)


def _unread(arrival: Arrival) -> bool:
    """Whether there is nothing to decide; a refusal that is known before it is decided is no such thing."""
    return arrival.fault is not None and not isinstance(arrival.fault, SettlementError)


def _count_moved(wanted: ToLoad, waiting: Mapping[str, Sequence[Arrival]]) -> None:
    """A timer that waited was moved to a later instant, and is as due as before up to that one. Any other is due by the
    time alone: a clock that was set back since it was found makes it come later, not too early."""
    for timer in (timer_of(arrival.message) for each in waiting.values() for arrival in each):
        if timer is not None:
            at = wanted.timers[timer.kind, timer.key]
            wanted.timers[timer.kind, timer.key] = timer.due_at if at is None else max(timer.due_at, at)
