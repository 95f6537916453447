"""One batch is one transaction: load, decide, save (DESIGN 4, RELIABILITY 4.2).
What is decided is the kernel's admission.

What is read depends on which kinds of things the batch holds, never on how many messages; all is written by one
statement.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime

from services.kernel.admission import Admission
from services.kernel.decision import Known
from services.kernel.effects import Effects, ToLoad
from services.kernel.errors import Defect
from services.kernel.within import Within
from services.runtime.ground.clock import Clock
from services.runtime.ground.saving import load_free
from services.runtime.ground.tables import Connection, load
from services.runtime.ground.writing import Write
from services.runtime.lanes.aside import parked_row
from services.runtime.lanes.business import Business, KeepRecords
from services.runtime.lanes.chaining import link_rows
from services.runtime.lanes.encoding import Encoded, encode
from services.runtime.lanes.item import Item, TooLong, is_tail, next_offsets, without
from services.runtime.lanes.pace import Pace
from services.runtime.lanes.waiting import NOBODY, Aboard
from services.runtime.stored import inbox, journals, offsets, outbox, parked, switches, timers
from services.runtime.stored.outbox import Outlet


class Batch:
    """The items of one transaction. `run` and `save` inside it; `effects`, and what of them is `encoded`, after it.
    `parked_keys` are the lane's: what is set aside here is added to them. What does not fit into its `pace` is `left`.
    `aboard` wait for claims that may end here. What the service says to itself is decided here too, where it would come
    by one of the partitions that are `held`.
    """

    def __init__(
        self, business: Business, items: Sequence[Item], clock: Clock, parked_keys: dict[str, int] | None = None, *,
        pace: Pace | None = None, aboard: Aboard = NOBODY, held: Container[int] = (),
    ) -> None:
        self._business = business
        self._items = items
        self._clock = clock
        self._pace = pace or Pace()
        self.aboard = aboard
        self._admission: Admission[Item] = Admission(business.rules, business.timers, parked_keys)
        self._admission.known.limits = business.limits
        reach, name = business.reach(held, items), business.outbound.service
        self._within = Within(self._admission, name, Item, reach, aboard.lined)
        self.encoded = Encoded()
        self._links: list[bytes] = []
        self.earlier: list[outbox.Row] = []
        """What other lanes have not published yet of the aggregates whose events are told here: it goes out first."""

    @property
    def effects(self) -> Effects[Item]:
        """Everything that its messages caused."""
        return self._admission.effects

    @property
    def now(self) -> datetime:
        """The instant of its decisions."""
        return self._admission.now

    @property
    def left(self) -> Sequence[Item]:
        """The items that were not decided, in their order."""
        return self._admission.left

    @property
    def decided(self) -> Sequence[Item]:
        """All others."""
        return without(self._items, self.left) if self.left else self._items

    @property
    def count(self) -> int:
        """How many were decided, with those aboard whose turn it was."""
        return len(self.decided) + len(self.effects.woken)

    @property
    def within(self) -> Sequence[Item]:
        """What the service said to itself here and was decided at once."""
        return self._within.arrivals

    @property
    def known(self) -> Known:
        """What was loaded for it, as its messages left it."""
        return self._admission.known

    async def run(self, connection: Connection) -> None:
        """Load and decide; the caller begins, saves and commits. Lock first, read after."""
        rounds = self._admission.rounds(self._items, self._pace.enough, self.aboard.waiting, self.aboard.awake)
        await self._load(connection, next(rounds))
        for wanted in rounds:
            self._pace.pause()
            await load(connection, self._business.tables, wanted, self._admission.known)
        self._pace.pause()
        if self.left and not is_tail(self._items, self.left):
            raise TooLong(f"{self._pace.spent:.3f} s of deciding, and {len(self.left)} left")
        await self._decide_within(connection)
        self.encoded = encode(self.effects, self._business, self._admission.now)
        self._links = link_rows(self.effects.dirty, self.encoded.events, self._business)

    async def _decide_within(self, connection: Connection) -> None:
        admission = self._admission
        self._pace.go_on()
        for wanted in self._within.rounds():
            self._pace.pause()
            await load_free(connection, self._business.tables, wanted, admission.known)
            if wanted.answers:
                admission.stored |= await inbox.find_all(connection, wanted.answers)
            self._pace.go_on()
        self._pace.pause()

    async def save(
        self, connection: Connection, topic: str, outlet: Outlet, waiting: Mapping[int, int] | None = None
    ) -> str:
        """Save everything, and how far the partitions were consumed, and from where on somebody is `waiting` for a
        claim; answers the id by which the commit can be asked for."""
        events = self._business.outbound.events
        told = {event.aggregate_id for event in self.encoded.events if event.sequence > 1}
        if rows_aside := [parked_row(item, error) for item, error in self.effects.faulty if item.record]:
            await parked.save(connection, rows_aside, self._admission.now, self._business.chain_key)
        xid, behind = await offsets.save(
            connection, topic, next_offsets(self.decided), outlet.lane_id, told, events=events, waiting=waiting,
            writes=[*self._rows(), *self._caused(outlet)],
        )
        if behind:
            self.earlier = await outbox.earlier(connection, outlet.lane_id, events, told)
        return xid

    async def _load(self, connection: Connection, wanted: ToLoad) -> None:
        """The first round. Roots are locked before anything else is read, and with the rest comes the instant of the
        decisions: none of these roots was decided at a later one. A timer is due at that very instant: it is read last.
        """
        admission, clock, present = self._admission, self._clock, None
        await load(connection, self._business.tables, wanted, admission.known)
        if wanted.answers:
            present, admission.stored = await inbox.load(connection, wanted.answers, clock)
        if wanted.timers:
            present, admission.due = await timers.still_due(connection, wanted.timers, clock)
        present = present or await switches.present(connection, clock)
        admission.now, admission.known.stopped = present

    def _rows(self) -> Iterator[Write]:
        """The aggregates that were made or changed."""
        for table in self._business.tables:
            if rows := self.effects.dirty.get(table.kind):
                found = self.effects.found.get(table.kind, {})
                yield from table.save([rows[key] for key in sorted(rows)], found, self._business.chain_key)

    def _caused(self, outlet: Outlet) -> Iterator[Write]:
        """All else that goes with them."""
        effects, encoded, now = self.effects, self.encoded, self._admission.now
        if encoded.answered:
            yield inbox.save(encoded.answered, now, self._business.chain_key)
        if effects.journals:
            yield journals.save_journals(effects.journals)
        if encoded.events:
            yield journals.save_events(encoded.events, self._links)
        if effects.timers or effects.cleared:
            yield from timers.save(effects.timers.values(), effects.cleared, self._business.partitions)
        if effects.records:
            yield _keep_records(self._business)(effects.records, now)
        if encoded.outgoing:
            yield outlet.save(encoded.outgoing)


def _keep_records(business: Business) -> KeepRecords:
    if business.keep_records is None:
        raise Defect("a rule leaves something for a record that this service does not have")
    return business.keep_records
