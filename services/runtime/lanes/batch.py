"""One batch is one transaction: load, decide, save (DESIGN 4, RELIABILITY 4.2).
What is decided is the kernel's admission.

The number of statements depends on which kinds of things the batch holds, never on how many messages.
"""

from collections.abc import Sequence
from datetime import datetime

from services.kernel.admission import Admission
from services.kernel.effects import Effects, ToLoad
from services.kernel.errors import Undecodable
from services.runtime.ground.tables import Connection, load
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import Encoded, encode
from services.runtime.lanes.item import Item, next_offsets
from services.runtime.stored import inbox, journals, offsets, outbox, parked, timers


class Batch:
    """The items of one transaction. `run` inside it; `effects`, and what of them is `encoded`, after its commit.
    `parked_keys` are the lane's: what is set aside here is added to them."""

    def __init__(
        self, business: Business, items: Sequence[Item], now: datetime, parked_keys: dict[str, int] | None = None
    ) -> None:
        self._business = business
        self._items = items
        self._now = now
        self._admission: Admission[Item] = Admission(business.rules, business.timers, now, parked_keys)
        self.encoded = Encoded()
        self.earlier: list[outbox.Row] = []
        """What other lanes have not published yet of the aggregates whose events are told here: it goes out first."""

    @property
    def effects(self) -> Effects[Item]:
        """Everything that its messages caused."""
        return self._admission.effects

    async def run(self, connection: Connection, lane_id: int, next_seq: int) -> None:
        """Load, decide and save; the caller begins and commits. Lock first, read after."""
        for wanted in self._admission.rounds(self._items):
            await self._load(connection, wanted)
        self.encoded = encode(self.effects, self._business, self._now)
        await self._save(connection, lane_id, next_seq)

    async def move_on(self, connection: Connection, topic: str, lane_id: int) -> str:
        """Save how far the partitions were consumed; answers the id by which the commit can be asked for."""
        events = self._business.outbound.events
        told = {event.aggregate_id for event in self.encoded.events if event.sequence > 1}
        xid, behind = await offsets.save(connection, topic, next_offsets(self._items), lane_id, told, events)
        if behind:
            self.earlier = await outbox.earlier(connection, lane_id, events, told)
        return xid

    async def _load(self, connection: Connection, wanted: ToLoad) -> None:
        await load(connection, self._business.tables, wanted, self._admission.known)
        if wanted.answers:
            self._admission.stored = await inbox.load(connection, wanted.answers)
        if wanted.timers:
            self._admission.due = await timers.still_due(connection, wanted.timers, self._now)

    async def _save(self, connection: Connection, lane_id: int, next_seq: int) -> None:
        effects, encoded = self.effects, self.encoded
        for table in self._business.tables:
            rows = effects.dirty.get(table.kind)
            if rows:
                await table.save(connection, [rows[key] for key in sorted(rows)])
        if encoded.answered:
            await inbox.save(connection, encoded.answered, self._now)
        if effects.journals:
            await journals.save_journals(connection, effects.journals)
        if encoded.events:
            await journals.save_events(connection, encoded.events)
        if rows_aside := [_parked(item, error) for item, error in effects.faulty if item.record]:
            await parked.save(connection, rows_aside, self._now)
        if effects.timers or effects.cleared:
            await timers.save(connection, effects.timers.values(), effects.cleared, self._business.partitions)
        if encoded.outgoing:
            await outbox.save(connection, lane_id, next_seq, encoded.outgoing)


def _parked(item: Item, error: Exception) -> parked.Parked:
    at = item.record
    assert at is not None
    reason = error.reason if isinstance(error, Undecodable) else "DEFECT"
    return parked.Parked(
        at.topic, at.partition, at.offset, item.message.key, item.message.id, at.headers, at.payload, reason,
        f"{type(error).__name__}: {error}",
    )
