"""One transaction of a lane, step by step: others come between the steps, and each step can be the last.

What is decided is the kernel's admission, what of it is stored and sent the runtime's encoding, as in `lanes/batch.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.kernel.admission import Admission
from services.kernel.decision import Known
from services.kernel.effects import ToLoad
from services.kernel.within import Within
from services.runtime.lanes.aside import parked_row
from services.runtime.lanes.chaining import link_rows
from services.runtime.lanes.encoding import Encoded, encode
from services.runtime.lanes.faults import TransientFault
from services.runtime.lanes.item import Item, next_offsets, partitions_of, unconsumed
from services.runtime.lanes.waiting import Aboard
from services.runtime.stored.outbox import Row
from settle.simulation.agenda import Steps
from settle.simulation.services import UNLOCKED
from settle.simulation.store import Connection, Disconnected, Staged, Store
from settle.simulation.witnesses.moves import Watched

if TYPE_CHECKING:
    from settle.simulation.lane import Lane


class Transaction:
    """Load, decide, commit. `admission`, `encoded` and `earlier` are there after `commit`; `stopped` is what operators
    had stopped at the instant of its decisions. What the service says to itself is decided too if it is to be `within`.
    """

    def __init__(self, lane: "Lane", connection: Connection, aboard: Aboard, within: bool) -> None:
        self._lane = lane
        self._store: Store = lane.store
        self._connection = connection
        self.aboard = aboard
        self._decides_within = within
        self.items: Sequence[Item] = ()
        self.encoded: Encoded
        self.earlier: list[Row] = []
        self.stopped: frozenset[str] = frozenset()

    def decide(self, items: Sequence[Item]) -> Steps:
        """Lock, load and decide; what it came to is staged."""
        lane, store = self._lane, self._store
        self.items = yield from self._fresh(items)
        self.admission: Admission[Item] = Admission(store.business.rules, store.business.timers, lane.parked_keys)
        admission, aboard = self.admission, self.aboard
        admission.known = Watched(lambda what: lane.world.fail("moves", f"{store.name}: {what}"))
        admission.known.limits = store.business.limits
        rounds = admission.rounds(self.items, waiting=aboard.waiting, awake=aboard.awake)
        wanted = next(rounds)
        yield from self._load(wanted, admission.known)
        yield from lane.others()
        admission.now = store.present(lane.world.agenda.now)
        self.stopped = admission.known.stopped = store.switches.stopped
        admission.stored = store.answers(wanted.answers)
        admission.due = store.timers.still_due(wanted.timers, admission.now)
        lane.meet(self, wanted)
        for more in rounds:
            if more.rows.keys() & store.roots - UNLOCKED:
                yield from lane.between_rounds()
            yield from self._load(more, admission.known)
        if self._decides_within:
            yield from self._within()
        self.encoded = encode(admission.effects, store.business, admission.now)

    def commit(self, next_seq: int) -> None:
        """Make it true; raises `Collision` or `Disconnected`, and then nothing is."""
        store, effects = self._store, self.admission.effects
        links = link_rows(effects.dirty, self.encoded.events, store.business)
        told = {event.aggregate_id for event in self.encoded.events if event.sequence > 1}
        if told:
            events = store.business.outbound.events
            self.earlier = store.behind(self._connection.me.lane_id, events, told)
        store.commit(self._connection, Staged(
            effects=effects, encoded=self.encoded, links=links,
            parked=[parked_row(item, error) for item, error in effects.faulty if item.record],
            offsets=next_offsets(self.items),
            waiting=self._lane.waiting.oldest(item for item, _ in effects.busy), first_seq=next_seq,
        ), self.admission.now)

    def _within(self) -> Steps:
        """What another transaction has locked is not waited for, and not loaded."""
        admission, store = self.admission, self._store
        reach = store.business.reach(self._connection.partitions, self.items)
        within = Within(admission, store.name, Item, reach, self.aboard.lined)
        for more in within.rounds():
            for kind in more.rows.keys() & store.roots:
                more.rows[kind] = {
                    key for key in sorted(more.rows[kind]) if store.lock(self._connection, kind, [key]) is None
                }
            yield from self._load(more, admission.known)
            admission.stored |= store.answers(more.answers)
        if within.arrivals:
            self._lane.world.reached.note("decided_within")

    def _fresh(self, items: Sequence[Item]) -> Steps:
        partitions = partitions_of(items)
        if not partitions:
            return list(items)
        while (holder := self._store.lock_fences(self._connection, partitions)) is not None:
            yield from self._wait(holder)
        fresh = unconsumed(items, self._store.reached(partitions))
        if len(fresh) < len(items):
            self._lane.world.fail("fence", f"{self._lane.process.name} took what another lane had consumed")
        return fresh

    def _load(self, wanted: ToLoad, known: Known) -> Steps:
        """Roots first, under whose locks the rest is."""
        store, connection, rows = self._store, self._connection, wanted.rows
        for kind in sorted(rows.keys() & store.places.keys(), key=store.places.__getitem__):
            asked = sorted(rows[kind])
            while kind in store.roots and (holder := store.lock(connection, kind, asked)) is not None:
                yield from self._wait(holder)
            known.load(kind, store.found(kind, asked), asked)
        for kind, families in wanted.families.items():
            for root in sorted(families):
                known.load_family(kind, root, store.family(connection, kind, root))

    def _wait(self, holder: Connection) -> Steps:
        """Wait until the other one's transaction is over, unless it waits for this one itself."""
        connection = self._connection
        after: Connection | None = holder
        while after is not None:
            if after is connection:
                raise TransientFault("deadlock")
            after = after.waits_for
        connection.waits_for = holder
        self._lane.world.reached.note("lock_waited")
        yield holder.over
        connection.waits_for = None
        if not connection.alive:
            raise Disconnected("while it waited for a lock")
