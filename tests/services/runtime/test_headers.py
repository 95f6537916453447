"""Headers that wait in the outbox: in a short form where every process can read it, the same as sent in either."""

import json
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kernel.decision import Command
from services.kernel.errors import Defect
from services.kernel.ids import derived
from services.kernel.messages import Message, Op, SagaRef
from services.runtime.ground.headers import packed, unpacked
from services.runtime.ground.migrations import migrate
from services.runtime.ground.records import Headers, Outbound, Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.stored import outbox
from tests.services.runtime.counters import CODEC, Add
from tests.services.runtime.older import migrated_before

NOW = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)
ORDER, SAGA = derived("ord", "1"), derived("saga", "1")
NAMES = st.sampled_from(["ce_id", "ce_type", "ce_saga", "ce_op", "content-type", "mac", "ce_parkedid", "x"])
VALUES = st.one_of(
    st.binary(max_size=6), st.sampled_from([b"T", b"saga_1/a/T", b"saga_1", b"k", b"1.0", b"application/protobuf"])
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from(["", "k", "saga_1", "1", "[", "\x02"]))
@example([("ce_op", b"F"), ("ce_op", b"X")], "\u0249")
@example([("ce_id", b"\x01k"), ("ce_saga", b"\xc3\x80")], "k")
def test_headers_are_what_they_were(headers: Headers, key: str) -> None:
    """Of any record, in either form: what the short one has no room for is kept as all were before."""
    for short in (True, False):
        assert unpacked(packed(headers, key, short), key) == headers


def test_what_is_sent_all_the_time_is_short() -> None:
    """A fifth of an event's and of an answer's, a third of a command's."""
    order, books = Outbound("order", CODEC, 8), Outbound("credit_ledger", CODEC, 8)
    saga = SagaRef(SAGA, "credit_ledger", Op.TRY)
    command = order.command(Command("credit_ledger", derived("acc", "1"), Add(1), saga=saga, not_after=NOW), ORDER, NOW)
    event = order.stored_event(ORDER, 7, "settlement.order.v1.OrderCancelled", b"", NOW)
    answer = books.reply(Message("m", "acc_1", Add(1), saga=saga, caller=f"order/{ORDER}"), b"", NOW)

    assert [_share(each) for each in (event, answer, command)] == [5, 5, 3]


def _share(record: Outgoing) -> int:
    """How many short ones are as long as the plain one."""
    long, short = (len(packed(record.headers, record.key, form)) for form in (False, True))
    return long // short


def test_the_form_stays_what_it_was() -> None:
    """Rows of another release are read: names and pairs of before keep their bytes."""
    kept = b"\x01saga_1\x00\x80\x03/a/T\xc2\xc0\x83t.v1.T\x84at\x85\x02\xc1\x87\x03\xc6\xc8\x8aorder/o\x8bat\x8dx\x8ey"

    assert unpacked(kept, "k") == [
        ("ce_id", b"saga_1/a/T"), ("ce_source", b"settlement/order"), ("ce_specversion", b"1.0"),
        ("ce_type", b"t.v1.T"), ("ce_time", b"at"), ("ce_subject", b"k"), ("content-type", b"application/protobuf"),
        ("ce_saga", b"saga_1"), ("ce_branch", b"credit_ledger"), ("ce_op", b"T"), ("ce_replyto", b"order/o"),
        ("ce_notafter", b"at"), ("ce_oldestsaga", b"x"), ("traceparent", b"y"),
    ]


def test_a_form_of_a_later_release_is_a_defect() -> None:
    """It is told, and the row stays."""
    with pytest.raises(Defect, match=r"headers of a record for ord_1 .* later release"):
        unpacked(b"\x01\x00\xbfnew", "ord_1")


async def test_a_new_database_keeps_them_short(local: Settings) -> None:
    """None of before has ever run on it."""
    connection = await asyncpg.connect(local.dsn)

    assert await _left_by(connection, 7) == [True]

    await connection.close()


async def test_where_older_processes_ran_they_stay_as_they_were(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the owner of the tables says that none is left; what was kept before is read as ever."""
    await migrated_before("0012", settings.dsn, tmp_path, monkeypatch)
    await migrate(settings.dsn, [])
    connection = await asyncpg.connect(settings.dsn)

    assert await _left_by(connection, 7) == [False]
    await connection.execute("select shorten_outbox()")
    assert await _left_by(connection, 8) == [False, True]

    await connection.close()


async def _left_by(connection: Connection, lane_id: int) -> list[bool]:
    """A lane begins, leaves a record and dies; whether each that was left is short, and all are as they were sent."""
    record = Outbound("order", CODEC, 8).stored_event(ORDER, 7, "settlement.order.v1.OrderCancelled", b"", NOW)
    outlet = await outbox.outlet(connection, lane_id)
    await write(connection, outlet.save([record]))
    kept = await connection.fetch("select lane_id, headers from outbox order by lane_id")
    for lane, _ in kept:
        (row,) = await outbox.leftovers(connection, lane, 10)
        assert row.record == record
    assert [row.record for row in await outbox.earlier(connection, 0, record.topic, [ORDER])] == [record] * len(kept)
    return [not _is_json(headers) for _, headers in kept]


def _is_json(headers: bytes) -> bool:
    try:
        return bool(json.loads(headers))
    except ValueError:
        return False
