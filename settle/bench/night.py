"""A night of statements: every account's cut falls due at one midnight while settlements go on.

Settlements are measured before the midnight, after it, and beside the run over all accounts, the last two in turns: the
run is stopped in the middle and resumed where it stood. At the end it finishes alone, and every account has its
statement.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from services.kernel.calendar import business_date, start_of
from settle.bench.figures import Night, Phase
from settle.bench.options import ROUNDS
from settle.client.calls import call
from settle.client.desk import BILL_DAY
from settle.client.engine import Engine
from settle.client.requests import fresh
from settle.client.tokens import Tokens
from settle.local.endpoints import dsns_of, targets_of
from settlement.credit_ledger.v1 import statement_service_pb2

ACCOUNTS_PER_CALL = 256
CALL_SECONDS = 120.0
UNTIL_MIDNIGHT = timedelta(hours=12)


def eve() -> datetime:
    """Noon before this month's bill day: where the engine's clock stands when the load begins."""
    today = datetime.now(UTC)
    return start_of(today.replace(day=BILL_DAY).date()) - UNTIL_MIDNIGHT


@dataclass(slots=True)
class StatementRun:
    """The nightly run as an operator would drive it: call after call, each from where the last one stood."""

    engine: Engine
    bill_date: str
    cut: int = 0
    place: str = ""
    finished: bool = False
    seconds: float = 0.0

    async def go(self) -> None:
        """Until every account was seen, or until cancelled."""
        began = time.monotonic()
        try:
            while not self.finished:
                request = statement_service_pb2.RunStatementsRequest(
                    request_id=fresh(), bill_date=self.bill_date, after_account_id=self.place,
                    accounts_max=ACCOUNTS_PER_CALL,
                )
                answer = await call(self.engine.statements.RunStatements, request, CALL_SECONDS)
                self.cut += answer.accounts_cut
                self.place, self.finished = answer.next_account_id, not answer.next_account_id
        finally:
            self.seconds += time.monotonic() - began


async def night(
    endpoints: Mapping[str, Any], measure: Callable[[str], Awaitable[Phase]], say: Callable[[str], None]  # Any: JSON
) -> tuple[list[Phase], Night]:
    """The phases of load and the verdict. `measure` runs one closed loop of that name."""
    cut_at = eve() + UNTIL_MIDNIGHT
    bill_date = business_date(cut_at).isoformat()
    connection = await asyncpg.connect(dsns_of(endpoints)["credit_ledger"])
    engine = Engine(targets_of(endpoints), tokens=Tokens.of(endpoints))
    try:
        found = Night(accounts=await _due(connection, cut_at))
        phases = [await measure("before midnight")]
        await engine.set_clock(cut_at)
        run = StatementRun(engine, bill_date)
        for number in range(1, ROUNDS + 1):
            phases.append(await measure(f"after midnight {number}"))
            with _stopped(asyncio.create_task(run.go())):
                phases.append(await measure(f"beside the run {number}"))
        found.cuts_per_second_beside = round(run.cut / run.seconds, 1)
        say(f"{await _due(connection, cut_at):,} of {found.accounts:,} accounts left for the run alone")
        alone = StatementRun(engine, bill_date)
        await alone.go()
        found.cuts_per_second_alone = round(alone.cut / alone.seconds, 1)
        found.issued, found.left = await _issued(connection, bill_date), await _due(connection, cut_at)
    finally:
        await connection.close()
        await engine.close()
    found.rates = {word: _mean(phases, word) for word in ("before", "after", "beside")}
    return phases, found


@contextmanager
def _stopped(task: asyncio.Task[None]) -> Iterator[None]:
    """The task for the length of the block; what it had found wrong is raised at the end of it."""
    try:
        yield
    finally:
        if task.done():
            task.result()
        task.cancel()


def _mean(phases: list[Phase], word: str) -> float:
    rates = [phase.settled_per_second for phase in phases if phase.name.startswith(word)]
    return round(sum(rates) / len(rates), 1)


async def _due(connection: "asyncpg.Connection[asyncpg.Record]", cut_at: datetime) -> int:
    return int(await connection.fetchval("select count(*) from credit_accounts where next_cut_at <= $1", cut_at))


async def _issued(connection: "asyncpg.Connection[asyncpg.Record]", bill_date: str) -> int:
    return int(await connection.fetchval("select count(*) from statements where bill_date = $1::text::date", bill_date))
