"""One saga with its coordinator and its shelves, and every step that can follow on a state of it.

What was sent stays on its way for ever, so each message can come late, twice, after all others, or never; `all is lost`
is Kafka forgetting everything. Two processes coordinate: one decides and commits in one step, the other may be anywhere
between reading and committing meanwhile, or die there. Shelves decide under the lock of their row, one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.kernel.decision import Refused
from services.kernel.effects import Arrived, SentCommand, SentReply
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.kernel.saga import ABORT, RESUME, Phase, Reply, Run
from settle.simulation.exhaustive.errands import (
    ERRAND,
    IN_TIME,
    LATE,
    SAGA,
    Begin,
    Plan,
    PutOne,
    Shelf,
    ShelfRow,
    coordinator,
    definition,
    shelf_rules,
)
from settle.simulation.exhaustive.numbered import Numbered
from settle.simulation.exhaustive.stored import Stored, Transaction, committed, decided

LAST_IN_LINE = 2**63 - 1
NOTHING = -1


class Sent(NamedTuple):
    """A command to a shelf: to which, and what for."""

    shelf: int
    op: Op


class State(NamedTuple):
    """A state of the world, all in numbers: of what is stored, of what is on its way (bits), of the transaction that
    the second process has open, and whether that has to fail."""

    coordinator: int
    shelves: tuple[int, ...]
    on_its_way: int = 0
    late: bool = False
    open: int = NOTHING
    overtaken: bool = False
    set_aside: bool = False


class Step(NamedTuple):
    """What can happen next. A step that is not `needed` is a fault: without it everything must come to its end."""

    what: str
    state: State
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """How large a world is explored: which shelves there are, whether they are asked `in_turn`, and whether one command
    may be set aside, once, for a person to look at. With a store that does not `refuse` what collides a law must break:
    that is how much it is worth.
    """

    shelves: tuple[Shelf, ...]
    sets_aside: bool = False
    refuses: bool = True
    in_turn: bool = False


class World:
    """All states and steps of one scope. Everything that was decided once is remembered."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._names = tuple(f"shelf {number}" for number in range(1, len(scope.shelves) + 1))
        shape = definition(self._names, scope.in_turn)
        self._not_after = IN_TIME + timedelta(seconds=shape.deadline_seconds)
        self._rules, self._timers = coordinator(shape)
        self._shelf_rules = shelf_rules()
        self.stored: Numbered[Stored] = Numbered()
        self.transactions: list[Transaction] = []
        self.messages: Numbered[Sent | Reply] = Numbered()
        self._inputs: dict[tuple[int, int, bool], list[tuple[str, int]]] = {}
        self._messages: dict[int, list[Sent | Reply]] = {}
        self._decided: dict[tuple[int, object, bool], int] = {}
        self._committed: dict[tuple[int, int], tuple[int, int]] = {}
        self._colliding: dict[tuple[int, int], bool] = {}
        self._on_shelf: dict[tuple[int, Sent, bool, bool], tuple[int, int]] = {}

    def first(self) -> State:
        """Nothing has begun."""
        rows = zip(self._names, self.scope.shelves, strict=True)
        shelves = tuple(self.stored.of(Stored(frozenset({ShelfRow(name, shelf)}))) for name, shelf in rows)
        return State(self.stored.of(Stored()), shelves)

    def answers(self) -> frozenset[str]:
        """What shelves have answered so far, whatever came of it."""
        met = (self.messages[number] for number in range(len(self.messages)))
        return frozenset(f"{reply.op.name} {reply.verdict}" for reply in met if isinstance(reply, Reply))

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that can follow."""
        for what, transaction in self._decidable(state):
            yield Step(what, self._commit(state, transaction))
            if state.open == NOTHING:
                opened = state._replace(open=transaction, overtaken=False)
                yield Step(f"the second process reads: {what}", opened, needed=False)
        if state.open != NOTHING:
            yield from self._of_the_second(state)
        yield from self._of_shelves(state)
        if state.on_its_way:
            yield Step("all is lost", state._replace(on_its_way=0), needed=False)
        if not state.late:
            yield Step("the deadline passes", state._replace(late=True))

    # -- the two coordinators

    def _of_the_second(self, state: State) -> Iterator[Step]:
        closed = state._replace(open=NOTHING, overtaken=False)
        yield Step("the second process dies", closed)
        if not state.overtaken or not self.scope.refuses:
            yield Step("the second process commits", self._commit(closed, state.open))

    def _decidable(self, state: State) -> list[tuple[str, int]]:
        """What a coordinator may decide now, and what comes of it; what changes nothing is left out."""
        key = (state.coordinator, state.on_its_way, state.late)
        known = self._inputs.get(key)
        if known is None:
            decided = ((what, self._decide(state.coordinator, body, state.late)) for what, body in self._bodies(state))
            known = self._inputs[key] = [each for each in decided if not self.transactions[each[1]].empty]
        return known

    def _bodies(self, state: State) -> Iterator[tuple[str, object]]:
        """What may come in: from its caller, who may repeat it, answers, timers, and people."""
        stored = self.stored[state.coordinator]
        yield "begin", Begin(Plan(self._names))
        for kind, _ in stored.timers:
            yield f"timer {kind}", TimerDue(kind, SAGA, IN_TIME)
        run = stored.row(Run, SAGA)
        if run is not None and run.phase is Phase.FROZEN:
            yield "a person lets it go on", TimerDue(RESUME, SAGA, IN_TIME)
            yield "a person gives it up", TimerDue(ABORT, SAGA, IN_TIME)
        for message in self._on_its_way(state):
            if isinstance(message, Reply):
                yield f"{message.branch} answers {message.op.name} {message.verdict}", message

    def _decide(self, stored: int, body: object, late: bool) -> int:
        known = self._decided.get((stored, body, late))
        if known is None:
            message = Message("request" if isinstance(body, Begin) else "", ERRAND, body)
            before = self.stored[stored]
            if isinstance(body, TimerDue):  # a person's word is a timer that is due at once
                before = replace(before, timers=before.timers | {(body.kind, body.key)})
            transaction = decided(before, Arrived(message), _now(late), self._rules, self._timers)
            for _, error in transaction.effects.faulty:
                raise error
            known = self._decided[stored, body, late] = len(self.transactions)
            self.transactions.append(transaction)
        return known

    def _commit(self, state: State, transaction: int) -> State:
        key = (state.coordinator, transaction)
        known = self._committed.get(key)
        if known is None:
            after = self.stored.of(committed(self.stored[state.coordinator], self.transactions[transaction]))
            known = self._committed[key] = (after, self._bits(self.transactions[transaction]))
        overtaken = state.overtaken or (state.open != NOTHING and self._collide(state.open, transaction))
        return state._replace(coordinator=known[0], on_its_way=state.on_its_way | known[1], overtaken=overtaken)

    def _collide(self, opened: int, transaction: int) -> bool:
        pair = (opened, transaction)
        known = self._colliding.get(pair)
        if known is None:
            known = self._colliding[pair] = self.transactions[opened].collides(self.transactions[transaction])
        return known

    # -- the shelves

    def _of_shelves(self, state: State) -> Iterator[Step]:
        for message in self._on_its_way(state):
            if isinstance(message, Sent):
                name = self._names[message.shelf]
                yield Step(f"{name} gets {message.op.name}", self._delivered(state, message, faulty=False))
                if self.scope.sets_aside and not state.set_aside:
                    aside = self._delivered(state, message, faulty=True)._replace(set_aside=True)
                    yield Step(f"{name} sets {message.op.name} aside", aside, needed=False)
        for number, shelf in enumerate(state.shelves):
            if self.stored[shelf].lines:
                resolved = self.stored.of(replace(self.stored[shelf], lines=frozenset()))
                yield Step(f"a person resolves it at {self._names[number]}", _with(state, number, resolved))

    def _delivered(self, state: State, sent: Sent, faulty: bool) -> State:
        before = state.shelves[sent.shelf]
        key = (before, sent, state.late, faulty)
        known = self._on_shelf.get(key)
        if known is None:
            fault = ValueError("nobody can read it") if faulty else None
            arrived = Arrived(self._message(sent), place_in_line=LAST_IN_LINE, fault=fault)
            transaction = decided(self.stored[before], arrived, _now(state.late), self._shelf_rules, {})
            after = self.stored.of(committed(self.stored[before], transaction))
            known = self._on_shelf[key] = (after, self._bits(transaction))
        return _with(state, sent.shelf, known[0])._replace(on_its_way=state.on_its_way | known[1])

    def _message(self, sent: Sent) -> Message:
        name = self._names[sent.shelf]
        return Message(
            id=f"{SAGA}/{name}/{sent.op}", key=name, body=PutOne(), fresh_id="fresh", saga=SagaRef(SAGA, name, sent.op),
            caller=f"coordinator/{ERRAND}", not_after=self._not_after if sent.op is Op.TRY else None,
        )

    # -- what is on its way

    def _bits(self, transaction: Transaction) -> int:
        bits = 0
        for sent in transaction.effects.sent:
            if isinstance(sent, SentCommand) and sent.command.saga is not None:
                saga = sent.command.saga
                bits |= 1 << self.messages.of(Sent(self._names.index(saga.branch), saga.op))
            elif isinstance(sent, SentReply):
                bits |= 1 << self.messages.of(_reply(sent))
        return bits

    def _on_its_way(self, state: State) -> list[Sent | Reply]:
        known = self._messages.get(state.on_its_way)
        if known is None:
            known = [self.messages[n] for n in range(len(self.messages)) if state.on_its_way >> n & 1]
            self._messages[state.on_its_way] = known
        return known


def _now(late: bool) -> datetime:
    return LATE if late else IN_TIME


def _with(state: State, number: int, shelf: int) -> State:
    return state._replace(shelves=(*state.shelves[:number], shelf, *state.shelves[number + 1:]))


def _reply(sent: SentReply) -> Reply:
    """The answer as its coordinator reads it."""
    saga, answer = sent.to.saga, sent.answer
    assert saga is not None
    outcome = answer.outcome
    if isinstance(outcome, Refused):
        return Reply(saga.saga_id, saga.branch, saga.op, answer.verdict, outcome.reason)
    assert outcome is not None
    return Reply(
        saga_id=saga.saga_id, branch=saga.branch, op=saga.op, verdict=answer.verdict, moved=outcome.moved
    )
