"""200,000 records of which most are spoiled: no session is lost, no process ends, and every innocent one is decided.

Most go through reading, admission and encoding in this process; the rest through real lanes, PostgreSQL and a broker.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import asyncpg
import pytest

from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.kernel.admission import Admission
from services.kernel.errors import Undecodable
from services.kernel.ids import partition_of
from services.kernel.messages import Message
from services.order.__main__ import SERVICE as ORDER
from services.runtime.ground import metrics
from services.runtime.ground.migrations import migrate
from services.runtime.ground.records import SERVICES, STREAMS, Outbound, topic
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import make_producer
from services.runtime.kafka.incoming import TEXT_BYTES_MAX, read
from services.runtime.lanes.aside import parked_row
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import encode
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.process import Process
from services.runtime.service import Service
from services.runtime.stored.sagas import saga_table
from settlement.saga.v1 import saga_pb2
from tests.in_memory import NOW
from tests.services.runtime.conftest import Until
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.poison import Poisoner, Record

IN_PROCESS, THROUGH_LANES = 60_000, 7_000
"""Records for each of the three services: 201,000 in all."""
INNOCENT_SHARE = 0.2
BATCH = 512
PARTITIONS = 4
SEED = 20_261_129
TRIES = 400

ALL = (ORDER, CREDIT, CARDS)


@dataclass
class Source:
    """Where one service's records come from."""

    service: Service
    poisoner: Poisoner
    goods: list[Record]

    def records(self) -> Iterator[Record]:
        """Good and bad ones, each with an id of its own; the keys of the good are theirs alone."""
        chance, number = self.poisoner.chance, 0
        while True:
            number += 1
            good = chance.choice(self.goods)
            if chance.random() < INNOCENT_SHARE:
                yield _named(good, f"good{number}", f"innocent-{number}")
            else:
                yield self.poisoner.spoil(_named(good, f"bad{number}", f"poison-{chance.randrange(500)}"))


def _named(good: Record, identity: str, key: str) -> Record:
    of_saga = any(name == "ce_saga" for name, _ in good.headers)
    changed = {"ce_id": f"{identity}/x/E".encode() if of_saga else identity.encode(), "ce_saga": identity.encode()}
    return replace(good, key=key.encode(), headers=[(name, changed.get(name, value)) for name, value in good.headers])


@cache
def source_of(name: str) -> Source:
    """Good records are those that the service's own rules decide, alone and with nothing stored."""
    service = next(each for each in ALL if each.name == name)
    entries = [entry for entry in service.codec._by_name.values() if entry.from_wire]
    poisoner = Poisoner(random.Random(f"{SEED}/{name}"), [*(entry.message for entry in entries), saga_pb2.Reply])
    goods = []
    for entry in entries:
        found = (poisoner.message(entry.message) for _ in range(TRIES))
        made = (record for body in found for record in _headed(entry.message.DESCRIPTOR.full_name, body))
        goods += list(islice((record for record in made if _is_decided(service, record)), 3))
    return Source(service, poisoner, goods)


def _headed(type_name: str, body: object) -> Iterator[Record]:
    """As a command of a saga, and as a notice."""
    value = body.SerializeToString()  # type: ignore[attr-defined]  # a message of some type
    common: list[tuple[str, bytes | None]] = [("ce_type", type_name.encode())]
    saga = [("ce_saga", b"1"), ("ce_branch", b"x"), ("ce_op", b"E"), ("ce_replyto", b"order/ord_1")]
    yield Record(b"innocent", [*common, *saga, ("ce_id", b"1/x/E")], value)
    yield Record(b"innocent", [*common, ("ce_id", b"1")], value)


def _is_decided(service: Service, record: Record) -> bool:
    item = item_of(service, record, 0)
    if item.fault is not None:
        return False
    try:
        return item.message.fresh_id in decided(service, [item])
    except Exception:  # noqa: BLE001  # what fails its batch is no innocent
        return False


def item_of(service: Service, record: Record, offset: int) -> Item:
    """As a feed makes it; nothing but `Undecodable` comes out of the reading."""
    place = RecordPlace("topic", 0, offset, record.headers, record.value)  # type: ignore[arg-type]  # None as a value too
    try:
        message = read(service.codec, record.key, record.headers, record.value)  # type: ignore[arg-type]  # as above
    except Undecodable as error:
        return Item(Message("", "", None), record=place, fault=error)
    assert all(len(text.encode()) <= TEXT_BYTES_MAX for text in (message.id, message.key, message.caller))
    return Item(message, record=place)


def decided(service: Service, items: Sequence[Item]) -> set[str]:
    """Decide these in one transaction over empty tables, encode what comes of it; the ids of what was not faulty."""
    tables = [*service.tables, *([saga_table(service.definitions)] if service.definitions else [])]
    outbound = Outbound(service.name, service.codec, PARTITIONS)
    business = Business(tables, service.rules, service.timers, service.codec, outbound, PARTITIONS)
    admission: Admission[Item] = Admission(service.rules, service.timers)
    admission.now = NOW
    for wanted in admission.rounds(items):
        for kind, keys in wanted.rows.items():
            admission.known.load(kind, {}, keys)
        for kind, roots in wanted.families.items():
            for root in roots:
                admission.known.load_family(kind, root, ())
    encode(admission.effects, business, NOW)
    for item, error in admission.effects.faulty:
        parked_row(item, error)
    faulty = {id(item) for item, _ in admission.effects.faulty}
    return {item.message.fresh_id for item in items if id(item) not in faulty}


def decided_by_halves(service: Service, items: Sequence[Item]) -> set[str]:
    """As a lane does it: what fails its transaction is looked for among ever fewer."""
    try:
        return decided(service, items)
    except Exception:  # noqa: BLE001  # as a lane
        if len(items) == 1:
            return set()
        half = len(items) // 2
        return decided_by_halves(service, items[:half]) | decided_by_halves(service, items[half:])


@pytest.mark.parametrize("service", ALL, ids=lambda service: service.name)
def test_every_innocent_record_is_decided_among_spoiled_ones(service: Service) -> None:
    """Whatever key, headers and payload hold."""
    records, done = source_of(service.name).records(), 0

    while done < IN_PROCESS:
        batch = list(islice(records, BATCH))
        items = [item_of(service, record, done + place) for place, record in enumerate(batch)]
        missed = {
            item.message.fresh_id for item, record in zip(items, batch, strict=True) if record.innocent
        } - decided_by_halves(service, items)
        done += len(batch)

        assert missed == set()


@pytest.mark.parametrize("service", ALL, ids=lambda service: service.name)
async def test_no_spoiled_record_stops_a_lane(
    service: Service, settings: Settings, cluster: MockCluster, until: Until
) -> None:
    """Every record is consumed (and every answer that went to this service itself), every innocent one has its row in
    the inbox, every other is decided or parked."""
    inbound = topic(service.name, service.inbound)
    for name in SERVICES:
        for stream in STREAMS:
            cluster.create_topic(topic(name, stream), PARTITIONS)
    await migrate(settings.dsn, [service.migrations])
    local = replace(
        settings, service=service.name, kafka=cluster.bootstrap, partitions=PARTITIONS, drain_seconds=2.0,
        environ={"SETTLE_ACQUIRER_TARGET": "127.0.0.1:1"},
    )
    records = list(islice(source_of(service.name).records(), THROUGH_LANES))
    lost = metrics.SESSIONS_LOST._value.get()
    process = Process(service, local)
    await process.start()
    ended = asyncio.create_task(process.wait(asyncio.Event()))

    await _send(local, inbound, records)
    connection = await asyncpg.connect(local.dsn)

    async def consumed() -> bool:
        reached = await connection.fetchval("select coalesce(sum(next_offset), 0)::integer from consumed_offsets")
        return reached >= len(records) and await process._lanes.lag() == 0 and process._lanes.queued == 0

    await until(consumed, 120)
    await until(lambda: process._lanes.unpublished == 0, 30)

    assert metrics.SESSIONS_LOST._value.get() == lost
    assert not ended.done()
    ids = {row[0] for row in await connection.fetch("select message_id from inbox")}
    innocents = [item_of(service, record, 0).message for record in records if record.innocent]
    assert [m.id for m in innocents if (f"{m.saga.saga_id}/T" if m.saga else m.id) not in ids] == []
    assert await connection.fetch("select from parked where key like 'innocent%'") == []
    await connection.close()
    ended.cancel()
    await process.stop()


async def _send(local: Settings, inbound: str, records: Sequence[Record]) -> None:
    producer = make_producer(local)
    await producer.start()
    acknowledgements = []
    for record in records:
        partition = partition_of((record.key or b"").hex(), PARTITIONS)
        sent = await producer.send(inbound, record.value, record.key, partition, headers=record.headers)
        acknowledgements.append(sent)
    await asyncio.gather(*acknowledgements)
    await producer.stop()
