"""A lane of a simulated process: session after session, it takes what waits, decides it, and answers.

The loop is that of `lane.py` and `deciding.py` in `services/runtime/lanes` without their sockets; who waits, who is
suspect, whose partition it is and what is fresh are the runtime's own.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from services.kernel.decision import Timer
from services.kernel.effects import ToLoad
from services.kernel.errors import Internal
from services.kernel.messages import Message, TimerDue
from services.runtime.ground.postgres import IDLE_IN_TRANSACTION_SECONDS
from services.runtime.ground.records import Outgoing
from services.runtime.kafka.reader import Record
from services.runtime.lanes.arriving import arrived
from services.runtime.lanes.faults import DataFault, SessionLost, TransientFault
from services.runtime.lanes.item import Item, may_win, without
from services.runtime.lanes.queues import Queues
from services.runtime.lanes.sharing import share_of
from services.runtime.lanes.suspects import Suspects
from services.runtime.lanes.waiting import NOBODY, TEND_SECONDS, Aboard, Waiting, apart
from services.runtime.stored.offsets import beginnings
from settle.simulation.agenda import MS, SECOND, Signal, Steps
from settle.simulation.bus import Log
from settle.simulation.store import Collision, Connection, Disconnected
from settle.simulation.transaction import Transaction

if TYPE_CHECKING:
    from settle.simulation.process import Process

SHARE, RECONNECT = 500 * MS, 50 * MS
TICK = int(TEND_SECONDS * SECOND) * 4
ENDED_BY_SERVER = IDLE_IN_TRANSACTION_SECONDS * SECOND
"""After so long the server ends the connection of a process that stands still."""


class Died(Exception):
    """The process is gone, whatever it was doing."""


class Lane:
    """One loop. `queues` take calls and reports; whoever has something for it says so by `poke`."""

    def __init__(self, process: "Process") -> None:
        self.process, self.world, self.store = process, process.world, process.store
        self.track = self.world.tape.track(f"lane {process.name}")
        self._rounds = self.world.tape.track(f"rounds of {process.name}")
        self.queues = Queues()
        self.waiting = Waiting(self.world.seconds)
        self.parked_keys: dict[str, int] = {}
        self._suspects = Suspects()
        self._connection: Connection | None = None
        self._still: Connection | None = None
        self._next_seq = 1
        self._shared = -1
        self._reading: dict[int, int] = {}
        self._logs: dict[int, Log] = {}
        self._consumed: dict[int, int] = {}
        self._epoch = ""
        self._woken = Signal()
        self._resting = self._ticking = self._within = False

    @property
    def connected(self) -> bool:
        """Whether it can decide."""
        return self._connection is not None

    def run(self) -> Steps:
        """Session after session, until the process dies."""
        while True:
            try:
                yield from self._session()
            except (SessionLost, Disconnected) as error:
                self.world.story.note(self.process.name, f"lost its session: {error}")
            self.queues.forget_fetched()
            yield RECONNECT

    def poke(self) -> None:
        """There may be something to do."""
        if self._resting:
            self._resting = False
            self.world.agenda.after(0, self._woken.ring)

    # -- session

    def _session(self) -> Steps:
        store = self.store
        self._connection = connection = store.connect(0, 1)
        self._next_seq, self._shared = 1, -1
        self._reading.clear()
        self._consumed.clear()
        self._logs.clear()
        self._epoch = self.world.bus.epoch
        try:
            self.world.lanes_changed(store)
            while True:
                self._share(connection)
                self.waiting.tend()
                self._fetch()
                if self.queues or self.waiting.awake:
                    self.world.agenda.happens()
                    yield from self._decide(self._take())
                else:
                    yield from self._rest()
        finally:
            self._connection = None
            for partition in self._reading:
                self.world.bus.log(self.process.topic, partition).listeners.remove(self.poke)
            store.disconnect(connection)
            self.world.lanes_changed(store)

    def _rest(self) -> Steps:
        self._resting = True
        if self.waiting and not self._ticking:
            self._ticking = True
            self.world.agenda.after(TICK, self._tick)
        yield self._woken

    def _tick(self, _: object) -> None:
        self._ticking = False
        self.poke()

    def _share(self, connection: Connection) -> None:
        """Leave to others what is theirs, and take what is free of ours; what is not free yet is tried again."""
        if not connection.alive:
            raise Disconnected("the server ended it")
        store = self.store
        if self._shared == store.changes_of_lanes:
            return
        share = share_of(connection.me, store.peers(), store.business.partitions)
        if theirs := self._reading.keys() - share:
            self._leave(connection, sorted(theirs))
        if gained := store.gain(connection, share - self._reading.keys()):
            self._follow(gained)
        self.parked_keys = store.parked_keys()
        self._shared = store.changes_of_lanes
        if share != self._reading.keys():
            self._shared = -1
            self.world.agenda.after(SHARE, lambda _: self.poke())

    def _leave(self, connection: Connection, partitions: Sequence[int]) -> None:
        self.world.reached.note("partitions_moved")
        for partition in partitions:
            self.world.bus.log(self.process.topic, partition).listeners.remove(self.poke)
            del self._reading[partition], self._consumed[partition], self._logs[partition]
        self.queues.forget_partitions(partitions)
        self.waiting.forget_partitions(partitions)
        self.store.let_go(connection, partitions)

    def _follow(self, partitions: Sequence[int]) -> None:
        bus, topic, reached = self.world.bus, self.process.topic, self.world.reached
        known = {p: self.store.consumed[p] for p in partitions if p in self.store.consumed}
        begin = beginnings(known, bus.ends(topic, list(partitions)), bus.epoch)
        self.store.begin_at(begin, bus.epoch)
        for partition, each in begin.items():
            if partition in known and each.consumed < known[partition].next_offset:
                reached.note("read_from_the_beginning")
            if each.offset < each.consumed:
                reached.note("read_again")
            self._reading[partition], self._consumed[partition] = each.offset, each.consumed
            self._logs[partition] = log = bus.log(topic, partition)
            log.listeners.append(self.poke)

    def _fetch(self) -> None:
        """What arrived, and what is due."""
        if self.world.bus.epoch != self._epoch and self._reading:
            raise SessionLost("the topic was made anew")
        for partition, log in self._logs.items():
            place, end = self._reading[partition] - log.first, len(log.records)
            if place < end:
                self._read(partition, log.records[place:place + 2 * self.world.swarm.batch])
            elif place > end:
                raise SessionLost("the log does not hold the next offset")
        if due := self.store.timers.find_due(self._reading, self.store.present(self.world.agenda.now)):
            self._take_due(due)

    def _read(self, partition: int, records: Sequence[Outgoing]) -> None:
        topic, codec, consumed = self.process.topic, self.store.business.codec, self._consumed[partition]
        for offset, record in enumerate(records, self._reading[partition]):
            item = arrived(
                codec, topic, Record(partition, offset, record.key.encode(), record.headers, record.payload), consumed
            )
            if item is not None:
                self.queues.urgent.append(item)
        self._reading[partition] += len(records)

    def _take_due(self, due: Sequence[Timer]) -> None:
        queued = self.queues.timers()
        for timer in due:
            fresh_id = f"{timer.kind}/{timer.key}/{timer.due_at.timestamp()}"
            if fresh_id not in queued:
                body = TimerDue(timer.kind, timer.key, timer.due_at)
                self.queues.add(Item(Message("", timer.root, body, fresh_id)))

    def _take(self) -> list[Item]:
        taken = self.queues.take(self.world.swarm.batch)
        chosen = self._suspects.choose(taken)
        if len(chosen) < len(taken):
            self.queues.give_back(without(taken, chosen))
        return chosen

    # -- batch

    def _decide(self, items: list[Item]) -> Steps:
        """One transaction for all; if it fails, halves of it, until the one that fails is alone and set aside."""
        todo, self._within = deque([items]), True
        waiting = NOBODY if self._suspects.among(items) and items else self.waiting.aboard(items)
        while todo:
            part = todo.popleft()
            aboard, waiting = waiting, NOBODY
            if not part and not aboard:
                continue
            try:
                yield from self._attempt(part, aboard)
            except (DataFault, TransientFault):
                todo.extendleft(reversed(apart(part, aboard)))
            except (SessionLost, Disconnected, ConnectionError) as error:
                self._interrupted([*aboard.items, *part], chain.from_iterable(todo))
                raise SessionLost(str(error)) from error

    def _interrupted(self, under_way: Sequence[Item], later: Iterable[Item]) -> None:
        self.world.reached.note("session_lost")
        self._suspects.lost(under_way)
        undecided = dict.fromkeys((*under_way, *later))
        self.waiting.leave(undecided)
        self.queues.give_back([item for item in undecided if item.lasts])

    def _attempt(self, part: list[Item], aboard: Aboard) -> Steps:
        fault: Exception | None = self._suspects.verdict(part[0]) if len(part) == 1 and not aboard else None
        while fault is None:
            try:
                yield from self._commit(part, aboard)
                return
            except TransientFault:
                self._within = False
                if aboard or len(part) > 1:
                    raise
                yield 20 * MS
            except DataFault as failure:
                together, self._within = self._within, False
                if aboard or len(part) > 1:
                    raise
                fault = None if together else failure
        part[0].fault = fault.__cause__ if isinstance(fault.__cause__, Exception) else fault
        yield from self._commit(part, NOBODY)

    def _commit(self, items: list[Item], aboard: Aboard) -> Steps:
        connection = self._connection
        assert connection is not None
        if self.parked_keys and any(item.message.key in self.parked_keys for item in items):
            self.parked_keys = self.store.parked_keys()
        transaction = Transaction(self, connection, aboard, self._within)
        try:
            yield from transaction.decide(items)
            yield from self.others()
            self._may_die("crash_before_commit")
            self._may_lose(connection)
            unknown = self.track.chance(self.world.faults.unknown)
            if unknown and self.track.below(2):
                self.world.reached.note("commit_unknown_lost")
                raise SessionLost("the commit was not answered, and was not made")
            transaction.commit(self._next_seq)
            self.world.committed(self.store, transaction)
        except Collision as collision:
            self.store.end(connection)
            self.world.reached.note("collision")
            raise (TransientFault if may_win(items or aboard.items) else DataFault)(str(collision)) from collision
        except TransientFault:
            self.store.end(connection)
            raise
        self.store.end(connection)
        self._may_die("crash_after_commit")
        self._committed(transaction, aboard)
        if unknown:
            self.world.reached.note("commit_unknown_made")
            raise SessionLost("the commit was not answered, and was made")

    def _committed(self, transaction: Transaction, aboard: Aboard) -> None:
        effects, encoded = transaction.admission.effects, transaction.encoded
        self._suspects.cleared(transaction.items)
        if encoded.outgoing:
            self._next_seq += len(encoded.outgoing)
            self.process.publish(
                self._connection_id(), self._next_seq - 1, encoded.outgoing, transaction.earlier
            )
        for item, answered in encoded.answers:
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(answered)
        for item, _ in effects.faulty:
            if item.answer is not None and not item.answer.done():
                item.answer.set_exception(Internal("INTERNAL", "the request could not be decided"))
        self.waiting.settle(transaction.items, aboard, effects, transaction.admission.now)
        for action in effects.actions:
            self.process.act(action, transaction.stopped)
        self.world.arm(self.store)

    def _connection_id(self) -> int:
        assert self._connection is not None
        return self._connection.me.lane_id

    # -- what goes wrong

    def others(self) -> Steps:
        """Time passes in which others may come between."""
        faults, track = self.world.faults, self.track
        if track.chance(faults.paused):
            yield 1 + track.below(faults.transaction)
        if track.chance(self.world.faults.pause):
            connection = self._connection
            self.world.agenda.after(ENDED_BY_SERVER, lambda _: self._ended_by_server(connection))
            self._still = connection
            yield SECOND * (1 + self.track.below(30))
            self._still = None

    def between_rounds(self) -> Steps:
        """Time passes with locks held, before what a decision asks for is locked as well."""
        faults = self.world.faults
        if self._rounds.chance(faults.paused):
            yield 1 + self._rounds.below(faults.transaction)

    def _ended_by_server(self, connection: Connection | None) -> None:
        """Its patience with a connection that stands still in a transaction is over."""
        if connection is not None and connection is self._still:
            self.store.disconnect(connection)
            self.world.lanes_changed(self.store)

    def _may_die(self, point: str) -> None:
        if self.track.chance(self.world.faults.crash):
            self.world.reached.note(point)
            raise Died(point)

    def _may_lose(self, connection: Connection) -> None:
        if not connection.alive:
            self.world.reached.note("zombie_rejected")
            raise Disconnected("it stood still for too long")
        if self.track.chance(self.world.faults.disconnected):
            raise SessionLost("the connection broke")

    def meet(self, transaction: Transaction, wanted: ToLoad) -> None:
        """Note what of the rare things is here."""
        self.world.witness.looked(self.store, transaction, wanted)
