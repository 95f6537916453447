"""One record never stops a service: whatever is wrong with it, it is set aside, and all others are decided."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
from google.protobuf.wrappers_pb2 import Int64Value, StringValue, UInt64Value

from services.kernel.decision import Decision, Done, Known, Rule
from services.kernel.errors import Internal
from services.kernel.messages import Message, TimerDue
from services.runtime.ground import metrics
from services.runtime.ground.codec import Codec, Entry
from services.runtime.ground.records import PAYLOAD_BYTES_MAX
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection, Table
from services.runtime.process import Process
from tests.services.runtime import counters
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE, Add, Added, Counter, Total
from tests.services.runtime.raw_records import (
    Raw,
    Running,
    add,
    command,
    fetch,
    holds,
    lost,
    notice,
    send,
    send_spoiled,
)

INNOCENT = "innocent"
LONG = b"x" * 5_000


POISON: Mapping[str, tuple[Raw, str]] = {
    "null header": (command(1, ce_type=None), "MALFORMED_HEADER"),
    "empty header": (command(2, ce_id=b""), "MALFORMED_HEADER"),
    "NUL in the address": (command(3, ce_replyto=b"order/a\x00b"), "MALFORMED_HEADER"),
    "address that is no topic": (command(4, ce_replyto=b"or der!/a"), "UNKNOWN_SENDER"),
    "address of nobody": (command(5, ce_replyto=b"billing/a"), "UNKNOWN_SENDER"),
    "address of a notice that takes no commands": (
        (b"poison", [*notice("n", b"poison", 1)[1], ("ce_replyto", b"order/a")], b"\x08\x01"), "UNKNOWN_SENDER",
    ),
    "another saga than its id names": (command(23, ce_saga=b"s24"), "MALFORMED_HEADER"),
    "another branch than its id names": (command(25, ce_branch=b"other"), "MALFORMED_HEADER"),
    "address without a root": (command(6, ce_replyto=b"order/"), "MISSING_HEADER"),
    "NUL in a saga": (command(7, ce_saga=b"s\x00"), "MALFORMED_HEADER"),
    "long id": (command(8, ce_id=LONG), "MALFORMED_HEADER"),
    "long saga": (command(9, ce_saga=LONG), "MALFORMED_HEADER"),
    "unknown operation": (command(10, ce_op=b"X"), "MALFORMED_HEADER"),
    "NUL in the type": (command(11, ce_type=b"a\x00"), "MALFORMED_HEADER"),
    "unknown type": (command(12, ce_type=b"no.such.Type"), "UNKNOWN_TYPE"),
    "type that no rule takes": (command(13, ce_type=b"google.protobuf.UInt64Value"), "UNKNOWN_TYPE"),
    "deadline out of range": (command(14, ce_notafter=b"0001-01-01T00:00:00+14:00"), "MALFORMED_HEADER"),
    "no key": (command(15, None), "MALFORMED_HEADER"),
    "key that is no text": (command(16, b"\xff\xfe"), "MALFORMED_HEADER"),
    "key with NUL": (command(17, b"a\x00b"), "MALFORMED_HEADER"),
    "long key": (command(18, LONG), "MALFORMED_HEADER"),
    "twice the same header": ((b"poison", [*command(19)[1], ("ce_id", b"other")], b""), "MALFORMED_HEADER"),
    "no headers": ((b"poison", [], b"\x08\x01"), "MISSING_HEADER"),
    "bytes that are none": ((b"poison", command(20)[1], b"\xff\xff"), "MALFORMED"),
    "place of a parked one that is no number": (
        (b"poison", [*command(21)[1], ("ce_parkedid", b"9" * 5_000), ("ce_op", None)], b""), "MALFORMED_HEADER",
    ),
}


async def test_whatever_is_wrong_in_reading_a_record_parks_it(running: Running, local: Settings, until: Until) -> None:
    """It ended the reader, the transaction of its own that should have set it aside, or the publisher, and was met
    again in the next session (findings: null_header, nul_replyto, slash_service)."""
    innocents = [command(100 + number, f"{INNOCENT}{number}".encode()) for number in range(len(POISON))]
    records = [each for (raw, _), innocent in zip(POISON.values(), innocents, strict=True) for each in (raw, innocent)]

    async with running(SERVICE) as process:
        before = lost()
        await send(local, *records)
        await until(holds(local, "select next_offset = $1 from consumed_offsets where partition = 0", len(records)))
        await until(lambda: process._lanes.unpublished == 0)

        assert lost() == before
    assert len(await fetch(local, "select from counters where id like 'innocent%' and value = 1")) == len(innocents)
    rows = await fetch(local, "select kafka_offset, reason, headers, payload from parked order by kafka_offset")
    assert dict(zip(POISON, [row[1] for row in rows], strict=True)) == {n: reason for n, (_, reason) in POISON.items()}
    assert [row[0] for row in rows] == list(range(0, len(records), 2))
    for (_, headers, value), row in zip([raw for raw, _ in POISON.values()], rows, strict=True):
        kept = msgspec.json.decode(str(row[2]), type=list[tuple[str, bytes]])
        assert (kept, row[3]) == ([(name, value or b"") for name, value in headers], value or b"")


async def test_headers_of_others_may_hold_anything(running: Running, local: Settings, until: Until) -> None:
    """Whoever traces or mirrors records writes headers of its own; none of them makes a record unreadable."""
    key, headers, value = command(1, b"c")
    foreign = [
        ("traceparent", b"\xff\x00\xfe"), ("none", None), ("", b""), ("twice", b"1"), ("twice", b"2"), ("long", LONG),
    ]

    async with running(SERVICE):
        await send(local, (key, [*foreign, *headers], value))
        await until(holds(local, "select count(*) = 1 from counters"))

    assert await fetch(local, "select from parked") == []


async def _fail_outbox(local: Settings, key: str) -> None:
    await fetch(local, f"""
        create function refuse() returns trigger language plpgsql as $$ begin
            if new.key = '{key}' then raise exception 'not this one'; end if; return new; end $$""")
    await fetch(local, "create trigger refuse before insert on outbox for each row execute function refuse()")


async def test_what_cannot_even_be_set_aside_with_a_reply_leaves_a_row(
    running: Running, local: Settings, until: Until
) -> None:
    """The reply that tells of it is what cannot be stored; the process ended (findings: set_aside_that)."""
    await _fail_outbox(local, "ord_1")
    bad, good = command(1, b"poison"), command(2, b"good", ce_replyto=b"order/ord_2")

    async with running(SERVICE):
        before = lost()
        await send(local, bad, good)
        await until(holds(local, "select count(*) = 1 from counters where id = 'good'"))

        assert lost() == before
    ((key, reason, detail),) = await fetch(local, "select key, reason, detail from parked")
    assert (key, reason) == ("poison", "DEFECT")
    assert "not this one" in str(detail)


async def test_while_nothing_can_be_set_aside_the_lane_waits_and_the_process_lives(
    running: Running, local: Settings, until: Until
) -> None:
    """A record that cannot be kept is not passed over either; as soon as it can be, it is kept and its followers
    go on (findings: set_aside_that)."""
    await fetch(local, "alter table parked add constraint none check (key <> 'poison')")

    async with running(SERVICE) as process:
        before = lost()
        await send(local, (b"poison", [], b""), command(2, b"good"))
        await until(lambda: lost() >= before + 2)
        assert await fetch(local, "select from parked") == []
        await fetch(local, "alter table parked drop constraint none")
        await until(holds(local, "select count(*) = 1 from counters where id = 'good'"))

        assert process._lanes.ready
    assert await fetch(local, "select key from parked") == [("poison",)]


async def test_a_set_aside_that_meets_a_lock_waits_it_out(local: Settings, until: Until) -> None:
    """What was decided cannot be stored, and the row that says so has to wait for a lock: that passes
    (findings: set_aside_that)."""
    holder = await asyncpg.connect(local.dsn)
    process = Process(SERVICE, replace(local, statement_seconds_max=0.5))
    await process.start()
    ended = asyncio.create_task(process.wait(asyncio.Event()))
    await until(lambda: process._lanes.ready)
    retries = metrics.BATCH_RETRIES._value.get()

    async with holder.transaction():
        await holder.execute("lock table parked in exclusive mode")
        await send(local, notice("first", b"full", 2**63 - 1), notice("second", b"full", 1), command(3, b"good"))
        await until(lambda: metrics.BATCH_RETRIES._value.get() > retries)
    await until(holds(local, "select count(*) = 1 from counters where id = 'good'"))

    assert not ended.done()
    assert await fetch(local, "select key, message_id from parked") == [("full", "second")]
    ended.cancel()
    await holder.close()
    await process.stop()


async def test_a_row_that_cannot_be_read_fails_its_own_messages_only(
    running: Running, local: Settings, until: Until
) -> None:
    """A row that somebody spoiled: its record is parked, its timer comes later, its caller is told; others go on."""

    async def load(connection: Connection, keys: Sequence[str]) -> list[Counter]:
        if "spoiled" in keys:
            raise msgspec.ValidationError("not what it was")
        return await counters.load(connection, keys)

    def rung(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        return Decision(Done(), cleared=(("ring", message.key),))

    service = replace(
        SERVICE, tables=(Table(Counter, load, counters.save, root=True, tells=True),),
        timers={"ring": Rule(TimerDue, lambda body, message: ((Counter, message.key),), rung)},
    )
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for key in ("spoiled", "good"):
        await fetch(local, "insert into timers values ('ring', $1, $1, 0, $2)", key, long_ago)

    async with running(service) as process:
        before = lost()
        await send(local, command(1, b"spoiled"), command(2, b"c"))
        calls = [add(process, "spoiled"), *(add(process, f"k{number}") for number in range(20))]
        told = await asyncio.gather(*calls, return_exceptions=True)
        await until(holds(local, "select count(*) = 1 from timers where due_at > now()"))
        await until(holds(local, "select next_offset = 2 from consumed_offsets where partition = 0"))

        assert lost() == before
    assert [isinstance(each, Internal) for each in told] == [True] + 20 * [False]
    assert await fetch(local, "select key from parked") == [("spoiled",)]
    assert await fetch(local, "select key from timers") == [("spoiled",)]


async def test_what_cannot_be_written_to_the_wire_fails_its_own_message_only(
    running: Running, local: Settings, until: Until
) -> None:
    """An event longer than a broker takes, or with half a character in it: its record is parked, its caller is told."""
    told = {777: "x" * (PAYLOAD_BYTES_MAX + 1), 778: "half \ud800"}
    codec = Codec(
        Entry(Add, Int64Value, lambda b: Int64Value(value=b.amount), lambda m: Add(m.value)),
        Entry(Total, UInt64Value, lambda b: UInt64Value(value=b.value)),
        Entry(Added, StringValue, lambda b: StringValue(value=told.get(b.value, ""))),
    )

    async with running(replace(SERVICE, codec=codec)) as process:
        before = lost()
        await send(local, notice("long", b"a", 777), command(1, b"good"), notice("half", b"b", 778))
        calls = [add(process, "c", 777), add(process, "d", 778), add(process, "e", 1)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        await until(holds(local, "select next_offset = 3 from consumed_offsets where partition = 0"))

        assert lost() == before
    assert [isinstance(answer, Internal) for answer in answers] == [True, True, False]
    assert await fetch(local, "select message_id, reason from parked order by 1") == [
        ("half", "DEFECT"), ("long", "DEFECT")
    ]
    assert await fetch(local, "select id from counters order by 1") == [("e",), ("good",)]


async def test_one_bad_message_is_found_by_halves(running: Running, local: Settings, until: Until) -> None:
    """Not by a transaction for each of its batch: whoever sends bad ones would have slowed down all others."""
    records = [notice(f"m{number}", f"k{number}".encode(), 1) for number in range(300)]
    records[100:100] = [notice("first", b"full", 2**63 - 1), notice("second", b"full", 1)]
    await send(local, *records)

    async with running(SERVICE):
        await until(holds(local, "select next_offset = $1 from consumed_offsets where partition = 0", len(records)))

    assert await fetch(local, "select message_id from parked") == [("second",)]
    ((rows, transactions),) = await fetch(local, "select count(*), count(distinct xmin::text) from counters")
    assert (rows, int(str(transactions)) <= 30) == (301, True)


async def test_a_timer_that_nobody_knows_comes_later_and_stops_nothing(
    running: Running, local: Settings, until: Until
) -> None:
    """Its kind is of another release, or somebody's mistake; it is told each time, and waits for who knows it."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for kind, key in (("unheard of", "k"), ("unheard of", ""), ("resume", "nobody's saga")):
        await fetch(local, "insert into timers values ($1, $2, $2, 0, $3)", kind, key, long_ago)

    async with running(SERVICE) as process:
        before = lost()
        await asyncio.gather(*(add(process, f"k{number}") for number in range(20)))
        await until(holds(local, "select count(*) = 3 from timers where due_at > now()"))

        assert lost() == before


async def test_offsets_that_somebody_took_away_are_written_anew(
    running: Running, local: Settings, until: Until
) -> None:
    """The process ended for want of a row; a new session writes it."""
    async with running(SERVICE):
        await send(local, command(1, b"c"))
        await until(holds(local, "select count(*) = 1 from counters"))
        await fetch(local, "delete from consumed_offsets")
        await send(local, command(2, b"d"))
        await until(holds(local, "select count(*) = 2 from counters"))


async def test_a_record_that_the_client_cannot_decode_is_parked_by_its_place(
    running: Running, local: Settings, until: Until
) -> None:
    """The name of one of its headers is no text: the client raised, took the records before it with it, and would have
    raised for ever."""
    before, behind = [command(10 + n, f"k{n}".encode()) for n in range(5)], command(3, b"c")
    key, headers, value = command(2, b"b")

    async with running(SERVICE):
        lost_before = lost()
        await send_spoiled(local, *before, (key, [("spoiled", b""), *headers], value))
        await send(local, behind)
        await until(holds(local, "select count(*) = 6 from counters"))

        assert lost() == lost_before
    assert await fetch(local, "select kafka_offset, reason from parked") == [(5, "UNREADABLE")]
