"""The auditor of a running engine beside the fire: it looks at what is under way all the time, and accuses nobody."""

import asyncio
from dataclasses import dataclass, field

import pytest

from settle.audit import online, walks
from settle.audit.findings import Finding, Report
from settle.audit.online import Online, Round, for_ever
from settle.audit.pacing import Pacing
from settle.client.tokens import Tokens
from tests.end_to_end.fire.client import Client
from tests.end_to_end.fire.conftest import Fire

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

BURSTS = 6
A_BURST = 40
"""Settlements that begin whenever a part of the slices has been looked at."""
ORDERS_OF_A_SLICE = 25


@dataclass(slots=True)
class Seen:
    """What the auditor told, and what it began anew for."""

    reports: list[Report] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def findings(self) -> list[Finding]:
        """All that was told."""
        return [finding for report in self.reports for finding in report.findings]

    def looked(self, report: Report) -> None:
        """A slice."""
        self.reports.append(report)
        self.more.set()

    async def ended(self, round_: Round) -> None:
        """A round."""
        self.rounds.append(round_)

    async def until(self, slices: int) -> None:
        """Wait until so many slices were looked at."""
        while len(self.reports) < slices:
            self.more.clear()
            await self.more.wait()


async def test_a_hundred_slices_during_the_fire(fire: Fire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are settled, a service is killed, and PostgreSQL crashes meanwhile."""
    await _watch(fire, monkeypatch, slices=100)


@pytest.mark.long
@pytest.mark.timeout(1_800)  # some minutes where the machine does nothing else
async def test_a_thousand_slices_during_the_fire(fire: Fire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ten times as long."""
    await _watch(fire, monkeypatch, slices=1_000)


async def _watch(fire: Fire, monkeypatch: pytest.MonkeyPatch, slices: int) -> None:
    monkeypatch.setattr(walks, "AT_A_TIME", ORDERS_OF_A_SLICE)
    monkeypatch.setattr(online, "AT_A_TIME", ORDERS_OF_A_SLICE)
    monkeypatch.setattr(online, "FRESH_SECONDS", 0.2)
    seen, client = Seen(), Client(fire.addresses, Tokens.of(fire.stack.endpoints))
    auditor = Online(fire.dsns, Pacing(100.0), seen.looked, seen.ended, round_seconds=0.0)
    auditing = asyncio.create_task(for_ever(auditor, seen.faults.append, pause_seconds=0.1))
    try:
        async with asyncio.TaskGroup() as load:
            for burst in range(BURSTS):
                await seen.until(slices * burst // BURSTS)
                load.create_task(client.settle(fire.take(A_BURST), next(fire.numbers)))
                if burst == BURSTS // 3:
                    fire.stack.kill("credit_ledger")
                if burst == 2 * BURSTS // 3:
                    await asyncio.to_thread(fire.stack.stop_postgres, True)
                    await asyncio.to_thread(fire.stack.start_postgres)
        await seen.until(slices)
        await client.ask_again()
    finally:
        auditing.cancel()
        await asyncio.gather(auditing, return_exceptions=True)
        await client.close()

    assert seen.findings == []
    assert seen.faults, "PostgreSQL was away, and nobody noticed"
    assert all(round_.clean for round_ in seen.rounds)
    assert len([report for report in seen.reports if report.looked]) >= slices // 2
