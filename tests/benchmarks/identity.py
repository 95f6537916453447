"""Prints what being known costs: `python -m tests.benchmarks.identity [SECONDS] [TURNS]`.

Three engines by turns, each in a folder of its own, their order turned round each time: without tokens, limits, codes
of records and TLS; with tokens and limits; with everything. Each gets the same closed loop of orders that are
cancelled, or shipped and paid back in part; what is told is the CPU of the services and of PostgreSQL for a settlement.
Identity should cost 8 % at most, codes and TLS 5 % more. What Kafka and the callers themselves spend is told beside it.
Only on a quiet machine: what is slower has smaller batches, which cost more. `secured_ways` takes TLS apart anywhere.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from settle.bench.processes import costs_of
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local.endpoints import sandboxes_of, targets_of
from settle.local.stack import SERVICES, LocalStack
from tests.benchmarks.unguarded import MODULE, WITHOUT

SECONDS, TURNS = 20.0, 3
WARM_UP_SECONDS = 5.0
LOOPS = 128
PRICE_MINOR, BACK_MINOR = 1_000, 300
ALLOWED = {"identity": 1.08, "everything": 1.05}
"""How much more than the form before it each may cost."""
BESIDE = ("kafka", "callers")
"""Told, and no part of the cost."""
_PER_DAY = {
    f"SETTLE_REFUND_{whose}_DAY_{what}_MAX": str(10**12) for whose in ("CUSTOMER", "MERCHANT")
    for what in ("COUNT", "MINOR")
}


@dataclass(frozen=True, slots=True)
class Form:
    """An engine: what it goes without, whether it speaks TLS, and its settings."""

    without: str = ""
    tls: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


FORMS = {
    "nothing": Form("tokens macs", environ={"SETTLE_IDENTITY_JWKS": ""}),
    "identity": Form("macs", environ=_PER_DAY),
    "everything": Form(tls=True, environ=_PER_DAY),
}


class FormedStack(LocalStack):
    """An engine of this form."""

    def __init__(self, data: Path, form: Form) -> None:
        super().__init__(data, "auto", "system", environ=form.environ, tls=form.tls)
        self._form = form

    def _seat_all(self) -> None:
        super()._seat_all()
        if self._form.without:
            for name in SERVICES:
                seat = self.seats[name]
                seat.environ = dict(seat.environ) | {MODULE: seat.module, WITHOUT: self._form.without}
                seat.module = "tests.benchmarks.unguarded"


def main() -> None:
    """Measure by turns, and print a line for each, then the medians and what each form costs over the one before."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else TURNS
    found: dict[str, list[float]] = {name: [] for name in FORMS}
    with tempfile.TemporaryDirectory(prefix="settle-identity-", ignore_cleanup_errors=True) as folder:
        for turn in range(turns):
            for name in list(FORMS)[:: -1 if turn % 2 else 1]:
                found[name].append(_turn(Path(folder) / name.replace(" ", "-"), name, seconds))
    medians = {name: statistics.median(each) for name, each in found.items()}
    for before, name in pairwise(FORMS):
        cost = medians[name] / medians[before]
        print(f"{name} over {before}: {cost - 1:+.1%} CPU for a settlement (wanted: {ALLOWED[name] - 1:.0%} at most)")


def _turn(data: Path, name: str, seconds: float) -> float:
    """Milliseconds of CPU for a settlement."""
    data.mkdir(mode=0o755, exist_ok=True)
    with FormedStack(data, FORMS[name]) as stack:
        spent, settled = asyncio.run(_measure(stack, seconds, known=name != "nothing"))
    cost = sum(milliseconds for process, milliseconds in spent.items() if process not in BESIDE)
    parts = ", ".join(f"{process} {milliseconds:.3f}" for process, milliseconds in spent.items())
    print(f"{name:12} {cost:.3f} ms of CPU for each of {settled} settlements: {parts}", flush=True)
    return cost


async def _measure(stack: LocalStack, seconds: float, *, known: bool) -> tuple[Mapping[str, float], int]:
    """Milliseconds of CPU for a settlement by process, and how many settled."""
    said = stack.endpoints
    engine = Engine(targets_of(said), sandboxes_of(said), Tokens.of(said) if known else None)
    shops = [Shop(engine, Customer.new()) for _ in range(LOOPS)]
    for shop in shops:
        await Desk(engine, shop.customer).open_account(10**9, 1, 0)
    pids = {name: service["pid"] for name, service in said["services"].items()}
    pids |= {"postgres": said["postgres"]["pid"], "kafka": said["broker"]["pid"]}
    await _loops(shops, WARM_UP_SECONDS)
    before = _spent(pids)
    settled = await _loops(shops, seconds)
    after = _spent(pids)
    await engine.close()
    return {name: (after[name] - before[name]) / settled * 1_000 for name in after}, settled


def _spent(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds of CPU so far by process; the callers are all in this one, whose children they are not."""
    callers = os.times()
    spent = {name: cost.cpu_seconds for name, cost in costs_of(pids).items()}
    return spent | {"callers": callers.user + callers.system}


async def _loops(shops: list[Shop], seconds: float) -> int:
    """How many settlements ended in about this time; each loop ends what it began."""
    clock = asyncio.get_running_loop().time
    until, settled = clock() + seconds, 0

    async def loop(shop: Shop) -> None:
        nonlocal settled
        while clock() < until:
            goods, paid = [Goods("a thing", 1, PRICE_MINOR)], [Payment("CREDIT", PRICE_MINOR)]
            cancelled, kept = [await shop.place(goods, paid, instalments(3)) for _ in range(2)]
            await shop.cancel(cancelled.order_id, b"")
            await shop.ship(kept.order_id)
            await shop.refund_amount(kept.order_id, BACK_MINOR)
            settled += 5

    await asyncio.gather(*map(loop, shops))
    return settled


if __name__ == "__main__":
    main()
