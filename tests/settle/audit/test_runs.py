"""One run after the other: what did not change is spared, what changed is looked at, and no mark is taken on trust."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from services.credit_ledger.domain.model.commands import FundWallet
from services.runtime.stored import acts
from settle.audit import auditor, changed, explain, gone, mark, runs, shared_walk, walks
from settle.audit.auditor import Asked
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Finding, Walk
from settle.audit.snapshots import World, put_beside
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
QUIETLY = Asked(wait_seconds=0.0, strict=True)
NOT_OF_AN_AGGREGATE = {
    "consumed_offsets", "outbox", "parked", "runtime_facts", "operator_acts", "lanes", "event_logs", "republications",
    "rail_differences", "schema_migrations", "record_since",
}
"""Tables of no promise about an aggregate: what they say is asked of everything, or is nobody's."""


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def told(dsn: str) -> AsyncIterator[House]:
    """The story, told once; what a test writes more is as clean."""
    async with house(dsn, "runs", NOW) as world:
        await tell(world)
        yield world


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What walks were asked about, by kind, and walks over all kinds that write it down."""
    asked: dict[str, list[str]] = {}

    def walk_of(service: str, of: str) -> Walk:
        async def find(world: World, ids: Sequence[str]) -> list[Finding]:
            asked.setdefault(f"{service} {of}", []).extend(ids)
            return []

        return Walk(f"seen.{service}_{of}", "it was looked at", service, of, find)

    monkeypatch.setattr(walks, "WALKS", tuple(walk_of(service, of) for service, of in walks.KINDS))
    return asked


async def test_the_second_run_walks_what_changed(told: House, tmp_path: Path, seen: dict[str, list[str]]) -> None:
    """A payment into one wallet: its account is looked at again, and nothing else."""
    first = await runs.verify(tmp_path, told.dsns, QUIETLY)
    everything = {kind: sorted(ids) for kind, ids in seen.items()}
    seen.clear()
    second = await runs.verify(tmp_path, told.dsns, QUIETLY)
    unchanged = dict(seen)

    await told.ask(CREDIT, "acc_1", FundWallet("acc_1", 100))
    third = await runs.verify(tmp_path, told.dsns, QUIETLY)

    assert (first.clean, second.clean, third.clean) == (True, True, True)
    assert "ord_returned" in everything["order order"]
    assert not first.since
    assert unchanged == {}
    assert second.since
    assert seen == {"credit_ledger account": ["acc_1"]}
    assert "first run" in first.notes[0]


@pytest.mark.parametrize(("service", "sql", "kind", "ids"), [
    (ORDER, "update orders set updated_at = updated_at where id = 'ord_whole'", "order order", ["ord_whole"]),
    (CREDIT, "update agreements set version = version where order_id = 'ord_flash'", "order order", ["ord_flash"]),
    (CREDIT, "update journals set op = op where order_id = 'ord_flash'", "order order", ["ord_flash"]),
    (CARD, "update card_tenders set version = version where order_id = 'ord_gift'", "order order", ["ord_gift"]),
    (ORDER, "update timers set due_at = due_at where root = 'ord_waiting'", "order order", ["ord_waiting"]),
    (CARD, "update gift_cards set version = version where id = 'crd_1'", "card_redemption card", ["crd_1"]),
    (CREDIT, """update inbox set verdict = verdict where message_id like (select id from sagas_of_order) || '/%'""",
     "order order", ["ord_whole"]),
])
async def test_what_is_written_past_the_engine_is_looked_at(
    told: House, tmp_path: Path, seen: dict[str, list[str]], service: str, sql: str, kind: str, ids: list[str]
) -> None:
    """No instant of the row tells of it; the transaction that wrote it does, in whichever database."""
    saga = await told.connections[ORDER].fetchval("select id from sagas where root = 'ord_whole' limit 1")
    await runs.verify(tmp_path, told.dsns, QUIETLY)
    seen.clear()
    await _past_the_engine(told, service, sql.replace("(select id from sagas_of_order)", f"'{saga}'"))

    report = await runs.verify(tmp_path, told.dsns, QUIETLY)

    assert seen[kind] == ids or set(ids) <= set(seen[kind]), seen
    if "journals" not in sql:
        assert report.since
        assert len(seen["order order"] if "order order" in seen else seen[kind]) <= len(ids) + 1


async def test_a_deleted_row_has_everything_looked_at(
    told: House, tmp_path: Path, seen: dict[str, list[str]]
) -> None:
    """What is gone has no transaction; the counts of its table do not add up any more."""
    await runs.verify(tmp_path, told.dsns, QUIETLY)
    seen.clear()
    await _past_the_engine(told, CREDIT, "delete from operator_acts where request_id = 'x'")  # there is none
    spared = await runs.verify(tmp_path, told.dsns, QUIETLY)
    await _act(told, "y")
    with_it = await runs.verify(tmp_path, told.dsns, QUIETLY)
    await _past_the_engine(told, ORDER, "delete from operator_acts where request_id = 'y'")

    report = await runs.verify(tmp_path, told.dsns, QUIETLY)

    assert spared.since
    assert with_it.clean, with_it.findings
    assert report.counts == {gone.GONE: 1}
    assert not report.since
    assert "operator_acts holds 0 rows from before the mark, not 1" in report.notes[-1]
    assert "ord_whole" in seen["order order"]


_LOGGED = {
    "operations": "account_id, number", "journals": "root, root_version, no", "events": "aggregate_id, sequence",
    "inbox": "message_id",
}
_KEEP = "create table {when}.{table} as table {table}"
_DROP_WHAT_CAME = "delete from {table} where ({key}) not in (select {key} from earlier.{table})"
_BRING_BACK = """
insert into {table} overriding system value select * from later.{table} where ({key}) not in (select {key} from {table})
"""
_ACCOUNT = """
delete from credit_accounts where id = 'acc_1';
insert into credit_accounts select * from {when}.credit_accounts where id = 'acc_1'
"""


async def test_an_account_that_is_set_back_as_a_whole_is_missed(told: House, tmp_path: Path) -> None:
    """Its row is as it was, and gone is all that came after: what is left fits its chains and seals, yet not the mark
    of the last clean run. A full run tells it too, until the rows are back."""
    async def sql(text: str, when: str = "", tables: Mapping[str, str] = _LOGGED) -> None:
        for table, key in tables.items():
            await _past_the_engine(told, CREDIT, text.format(when=when, table=table, key=key))

    account = {"credit_accounts": "id"}
    try:
        await sql("create schema earlier; create schema later", tables=account)
        await sql(_KEEP, "earlier", _LOGGED | account)
        await told.ask(CREDIT, "acc_1", FundWallet("acc_1", 100))
        assert (await runs.verify(tmp_path, told.dsns, QUIETLY)).clean
        await sql(_KEEP, "later", _LOGGED | account)
        await sql(_DROP_WHAT_CAME)
        await sql(_ACCOUNT, "earlier", account)
        blind = await auditor.audit(told.dsns, wait_seconds=0.0, strict=True)
        found = await runs.verify(tmp_path, told.dsns, QUIETLY, full=True)
        explained = await explain.explain(told.dsns, found.findings[0], held=runs.held(tmp_path))
    finally:
        await sql(_BRING_BACK)
        await sql(_ACCOUNT, "later", account)
        await sql("drop schema earlier cascade; drop schema later cascade", tables=account)

    assert blind.clean, blind.findings
    assert {finding.check for finding in found.findings} == {gone.GONE}
    assert {finding.what for finding in found.findings} == {"operations", "journals", "events"}
    assert explained.stands


async def test_an_altered_mark_is_refused(told: House, tmp_path: Path) -> None:
    """Whoever moves the mark past an edit has no key; a mark that says otherwise is no mark."""
    await runs.verify(tmp_path, told.dsns, QUIETLY)
    file = tmp_path / mark.FOLDER / "mark.json"
    said = json.loads(file.read_text())
    said["mark"] = said["mark"].replace('"xmin": ', '"xmin": 1')
    file.write_text(json.dumps(said))

    report = await runs.verify(tmp_path, told.dsns, QUIETLY)

    assert not report.since
    assert any("altered" in note for note in report.notes)
    assert (await runs.verify(tmp_path, told.dsns, QUIETLY)).since


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"mark": 1}', '{"mark": "{}", "signature": ""}', "\x00"])
async def test_what_is_no_mark_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever lies there, everything is looked at."""
    (tmp_path / mark.FOLDER).mkdir()
    (tmp_path / mark.FOLDER / "mark.json").write_text(text)

    with pytest.raises(mark.NoMark):
        mark.read(tmp_path, runs.promises())


async def test_a_mark_of_another_database_or_of_other_promises_is_refused(told: House, tmp_path: Path) -> None:
    """A restored database has other transactions, and a new check has looked at nothing yet."""
    await runs.verify(tmp_path, told.dsns, QUIETLY)
    last = mark.read(tmp_path, runs.promises())
    places = {**last.places, CARD: last.places[CREDIT]}

    mark.write(tmp_path, mark.Mark(places, last.promises, last.full_at))
    other_database = await runs.verify(tmp_path, told.dsns, QUIETLY)
    mark.write(tmp_path, mark.Mark(last.places, "others", last.full_at))
    other_promises = await runs.verify(tmp_path, told.dsns, QUIETLY)

    assert any("another database" in note for note in other_database.notes)
    assert any("promises" in note for note in other_promises.notes)


async def test_only_its_owner_reads_key_and_mark(told: House, tmp_path: Path) -> None:
    """Who reads the key can sign."""
    await runs.verify(tmp_path, told.dsns, QUIETLY)

    files = list((tmp_path / mark.FOLDER).iterdir())
    assert {file.name for file in files} == {"key", "mark.json", "findings.json"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


async def test_no_mark_is_left_by_what_is_not_clean(told: House, tmp_path: Path) -> None:
    """The next run looks at it again; and what was found can be explained, until it is mended, and then too."""
    state = await told.connections[CREDIT].fetchval("select state from agreements where order_id = 'ord_waiting'")
    await _past_the_engine(told, CREDIT, "update agreements set state = 'REVOKED' where order_id = 'ord_waiting'")
    try:
        broken = await runs.verify(tmp_path, told.dsns, QUIETLY)
        id_ = next(finding.id for finding in broken.findings if finding.check == "agreements.ended")
        kept = runs.kept(tmp_path, id_)
        assert kept is not None
        told_of = await explain.explain(told.dsns, kept)
    finally:
        await _past_the_engine(told, CREDIT, f"update agreements set state = '{state}' where order_id = 'ord_waiting'")
    mended = await explain.explain(told.dsns, kept)

    with pytest.raises(mark.NoMark):
        mark.read(tmp_path, runs.promises())
    assert (told_of.stands, mended.stands) == (True, False)
    kinds = {line.kind for line in told_of.lines}
    assert {"message", "settlement", "event", "operation", "journal", "order", "timer"} <= kinds
    text = explain.as_text(told_of)
    assert "ord_waiting" in text
    assert "still so" in text
    assert [line.at for line in told_of.lines] == sorted(line.at for line in told_of.lines)
    assert json.loads(explain.as_json(told_of))["stands"]
    assert runs.kept(tmp_path, "no such id") is None


async def test_several_processes_walk_the_same_snapshots(
    told: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They see what this process saw, and together they see all of it; it puts beside the books meanwhile what it asks
    of everything."""
    monkeypatch.setattr(shared_walk, "SHARED_MIN", 0)
    heard: list[tuple[int, int]] = []
    walked = asyncio.Event()

    async def once_they_walk(world: World) -> None:
        await walked.wait()
        await put_beside(world)

    def hear(done: int, of: int) -> None:
        heard.append((done, of))
        walked.set()

    monkeypatch.setattr(auditor, "put_beside", once_they_walk)

    report = await runs.verify(
        tmp_path, told.dsns, Asked(wait_seconds=0.0, strict=True, processes=2, told=hear),
    )

    assert report.clean, report.findings
    if walks.WALKS:
        assert heard[-1][0] == heard[-1][1] > 0
        assert report.looked["order"] == await told.connections[ORDER].fetchval("select count(*) from orders")


async def test_every_table_is_some_aggregates(told: House) -> None:
    """A table that a promise reads and nobody looks into for changes would be spared for ever."""
    for service in SERVICES:
        tables = {row["tablename"] for row in await told.connections[service].fetch(
            "select tablename from pg_tables where schemaname = 'public'"
        )}
        known = {written.table for written in changed.WRITTEN[service]}
        assert tables - NOT_OF_AN_AGGREGATE == known
        assert set(changed.APPEND_ONLY[service]) | set(changed.NEVER_DELETED[service]) <= tables
        triggers = {row["name"] for row in await told.connections[service].fetch(
            "select distinct tgrelid::regclass::text as name from pg_trigger where tgname like '%append_only'"
        )}
        assert set(changed.APPEND_ONLY[service]) == triggers


async def _act(told: House, request_id: str) -> None:
    """An operator does something about a settlement."""
    saga = await told.connections[ORDER].fetchrow("select id, updated_at from sagas order by id limit 1")
    assert saga is not None
    assert await acts.save(
        told.connections[ORDER], acts.Act(request_id, "a", saga["id"], "o", "r"), saga["updated_at"], b""
    )


async def _past_the_engine(told: House, service: str, sql: str) -> None:
    connection = await asyncpg.connect(told.dsns[service])
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(sql)
    finally:
        await connection.close()
