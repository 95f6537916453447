"""The auditor of a running engine: it looks at everything in slices, takes its time, and tells only what is so."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from services.credit_ledger.domain.model.commands import FundWallet
from settle.audit import runs, walks
from settle.audit.auditor import Asked
from settle.audit.findings import CREDIT, ORDER, SERVICES, Finding, Report, Walk
from settle.audit.online import FRESH_SECONDS, Online, Round, for_ever
from settle.audit.pacing import Pacing
from settle.audit.snapshots import World
from settle.local import ports, postgres, roles
from settle.local.endpoints import serving
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def told(dsn: str) -> AsyncIterator[House]:
    """The story, told once; what a test breaks it mends."""
    async with house(dsn, "online", NOW) as world:
        await tell(world)
        yield world


@dataclass(slots=True)
class Watched:
    """An auditor whose time is turned by hand, and what it told."""

    dsns: dict[str, str]
    rounds_wanted: int = 1
    now: float = 0.0
    slept: float = 0.0
    reports: list[Report] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    between: Callable[[], None] = lambda: None

    @property
    def online(self) -> Online:
        """One that works on the machine's time, and stands still on ours."""
        return Online(self.dsns, Pacing(5.0, self._clock, self._sleep), self.reports.append, self._ended)

    def _clock(self) -> float:
        return time.monotonic() + self.slept

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.between()
        await asyncio.sleep(0)

    async def _ended(self, round_: Round) -> None:
        self.rounds.append(round_)
        if len(self.rounds) >= self.rounds_wanted:
            self.enough.set()
            await asyncio.Event().wait()

    async def run(self, online: Online | None = None) -> None:
        """Until it made so many rounds, and no more."""
        running = asyncio.create_task((online or self.online).run())
        waiting = asyncio.create_task(self.enough.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, waiting):
            task.cancel()
        done = await asyncio.gather(running, waiting, return_exceptions=True)
        if isinstance(done[0], Exception):
            raise done[0]


async def test_a_round_looks_at_everything(told: House) -> None:
    """Each aggregate of each kind that is walked, and what is asked of everything; of a clean engine it is clean."""
    watched = Watched(dict(told.dsns))

    await watched.run()

    assert watched.rounds[0].clean, watched.rounds[0].findings
    asked = {check for report in watched.reports for check in report.checks}
    assert {"accounts.projection", "sagas.moved", "clearing.zero"} <= asked
    for walk in walks.WALKS:
        table = walks.IDS[walk.service][walk.of]
        there = await told.connections[walk.service].fetchval(f"select count(*) from {table}")
        assert watched.rounds[0].looked.get(walk.of, 0) >= there
        assert walk.id in asked or not there


async def test_it_takes_at_most_its_share(told: House) -> None:
    """Of every 20 seconds it works in one at most, also while it holds a snapshot, where it stands still briefly."""
    watched = Watched(dict(told.dsns))
    online = watched.online

    await watched.run(online)

    assert online.pacing.worked > 0
    assert watched.slept >= 0.99 * online.pacing.worked * 19


async def test_what_does_not_hold_is_told(told: House) -> None:
    """By its slice or by the round, with the row; and once it is mended no more."""
    connection = await asyncpg.connect(told.dsns[CREDIT])
    state = await connection.fetchval("select state from agreements where order_id = 'ord_waiting'")
    await connection.execute("update agreements set state = 'REVOKED' where order_id = 'ord_waiting'")
    broken, mended = Watched(dict(told.dsns)), Watched(dict(told.dsns))
    try:
        await broken.run()
    finally:
        await connection.execute("update agreements set state = $1 where order_id = 'ord_waiting'", state)
        await connection.close()
    await mended.run()

    assert "agreements.ended" in {finding.check for finding in broken.rounds[0].findings}
    assert any("ord_waiting" in finding.what for finding in broken.rounds[0].findings)
    assert (broken.rounds[0].clean, mended.rounds[0].clean) == (False, True)


async def test_what_a_second_look_does_not_find_is_not_told(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two services' snapshots are never of one instant: what was under way between them is gone at the second look."""
    looks: list[Sequence[str]] = []

    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        looks.append(ids)
        gone = [Finding("w", ORDER, f"orders {id_}", "1", "2") for id_ in ids if len(looks) == 1]
        return [*gone, *(Finding("w", ORDER, f"orders {id_}", "1", "2") for id_ in ids if id_ == "ord_whole")]

    monkeypatch.setattr(walks, "WALKS", (Walk("w", "all is well", ORDER, "order", find),))
    watched = Watched(dict(told.dsns))

    await watched.run()

    assert len(looks) == 2
    assert [finding.what for finding in watched.rounds[0].findings] == ["orders ord_whole"]
    assert sum(report.counts.get("w", 0) for report in watched.reports) == 1


async def test_what_changed_lately_comes_first(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round may take hours; what is written meanwhile is looked at within seconds."""
    looks: list[Sequence[str]] = []

    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        looks.append(ids)
        return []

    monkeypatch.setattr(walks, "WALKS", (Walk("w", "all is well", CREDIT, "account", find),))
    monkeypatch.setattr(walks, "AT_A_TIME", 1)
    watched = Watched(dict(told.dsns), rounds_wanted=2)
    written: list[asyncio.Task[object]] = []

    def write() -> None:
        if watched.rounds and not written:  # between two rounds
            written.append(asyncio.create_task(told.ask(CREDIT, "acc_1", FundWallet("acc_1", 100))))

    watched.between = write
    await watched.run()

    assert written
    assert looks.count(["acc_1"]) >= 3  # in each round, and between them
    assert FRESH_SECONDS < 60


async def test_a_clean_round_spares_the_next_verify(told: House, tmp_path: Path) -> None:
    """Its mark is older than whatever was written while it went round, so nothing is spared that it did not see."""
    watched = Watched(dict(told.dsns))
    await watched.run()
    round_ = watched.rounds[0]

    runs.leave_mark(tmp_path, round_.places, round_.began_at)
    spared = await runs.verify(tmp_path, told.dsns, Asked(wait_seconds=0.0, strict=True))
    runs.leave_mark(tmp_path, round_.places, round_.began_at)  # older than what verify left
    again = await runs.verify(tmp_path, told.dsns, Asked(wait_seconds=0.0, strict=True))

    assert spared.since
    assert again.since > spared.since


async def test_it_begins_anew_when_a_database_was_away(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections end in the middle of a round: it says so, and makes its rounds all the same."""
    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        return []

    monkeypatch.setattr(walks, "WALKS", (Walk("w", "all is well", CREDIT, "account", find),))
    watched = Watched(dict(told.dsns))
    online = watched.online
    faults: list[Exception] = []
    ended: list[str] = []

    def end_its_connections() -> None:
        if not ended and online._connections:
            for service, connection in online._connections.items():
                connection.terminate()
                ended.append(service)

    watched.between = end_its_connections
    running = asyncio.create_task(for_ever(online, faults.append, pause_seconds=0.0))
    await watched.enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert faults
    assert watched.rounds[0].clean


async def test_the_process_serves_tells_and_stops(told: House, tmp_path: Path, dsn: str) -> None:
    """`python -m settle.audit` under a role that only reads: healthy, with metrics, gone when it is told to."""
    admin = await asyncpg.connect(f"{dsn}/postgres")
    await roles.create_auditor(admin)
    await roles.create_auditor(admin)  # it is there already
    await admin.close()
    target, metrics = (f"{ports.HOST}:{port}" for port in ports.free_ports(2))
    environ = os.environ | {
        "SETTLE_AUDIT_DATA": str(tmp_path), "SETTLE_LISTEN": target, "SETTLE_METRICS_LISTEN": metrics,
        "SETTLE_AUDIT_PERCENT": "100", "SETTLE_KAFKA": "127.0.0.1:1", "SETTLE_PARTITIONS": "8",
        "PYTHONPATH": os.pathsep.join(sys.path),
    } | {
        f"SETTLE_{service.upper()}_DSN": told.dsns[service].replace("postgres@", f"{postgres.AUDITOR}@")
        for service in SERVICES
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "settle.audit", env=environ)
    try:
        async with asyncio.timeout(300):  # at the lowest priority of a machine that may be busy
            while 'settle_audit_rounds_total{outcome="clean"}' not in (said := await asyncio.to_thread(_page, metrics)):
                assert process.returncode is None
                await asyncio.sleep(0.1)  # another process decides
        healthy = await asyncio.to_thread(serving, target)
    finally:
        process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0

    assert healthy
    figures = dict(line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#"))
    assert float(figures["settle_audit_last_clean_timestamp_seconds"]) > 1_600_000_000
    assert float(figures["settle_audit_checks"]) > 50
    assert float(figures["settle_audit_faults_total"]) == 0
    assert {file.name for file in (tmp_path / "audit").iterdir()} >= {"mark.json", "online.json", "key"}


def test_its_role_cannot_write(dsn: str) -> None:
    """Whatever the auditor does, it changes nothing in a service's database."""
    async def tried() -> None:
        connection = await asyncpg.connect(f"{dsn.replace('postgres@', f'{postgres.AUDITOR}@')}/online_order")
        try:
            assert await connection.fetchval("select count(*) from orders") > 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("update orders set version = version")
        finally:
            await connection.close()

    asyncio.run(tried())


def _page(metrics: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""  # not yet
