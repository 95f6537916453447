"""Prints how long settlements wait at a kill: `python -m tests.benchmarks.recovery_after_a_kill [KILLS]`.

Two processes of each service, a settlement every 25 ms, kill -9 of one process after the other. A kill's figure is the
longest time that a settlement took which was asked for within a second before it or five after; the goal is a 95th
percentile of 3 s at most over all kills. The auditor looks at what is left.
"""

import asyncio
import sys
import time

from settle.audit import auditor, telling
from settle.bench.figures import Percentiles
from settle.bench.subscriber import Subscriber
from settle.client.tokens import Tokens
from tests.end_to_end.fire.client import Client
from tests.end_to_end.fire.conftest import Fire, burning, filled, folder

KILLS = 18
SERVICES = ("order", "credit_ledger", "card_redemption")
EVERY_SECONDS = 0.025
BEFORE_SECONDS, AFTER_SECONDS = 1.0, 5.0
CALM_SECONDS = 4.0
"""Between the last settlement that counts and the next kill: the killed process is back."""
SETTLED_SECONDS_MAX = 60.0


def main() -> None:
    """Play the kills, print a line for each, and the percentiles."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    with folder() as data:
        each = int((BEFORE_SECONDS + AFTER_SECONDS) / EVERY_SECONDS) + 1
        targets = filled(data, kills * each)
        with burning(data) as stack:
            fire = Fire(stack, iter(targets))
            waits = asyncio.run(_killed(fire, kills))
            report = asyncio.run(auditor.audit(fire.dsns, wait_seconds=SETTLED_SECONDS_MAX, strict=True))
    print(f"longest wait around {kills} kills: {Percentiles.of(waits)}")
    print("auditor: clean" if report.clean else telling.as_text(report))


async def _killed(fire: Fire, kills: int) -> list[float]:
    subscriber = Subscriber(fire.stack.broker.bootstrap)
    client = Client(fire.addresses, Tokens.of(fire.stack.endpoints))
    waits = []
    try:
        for number in range(kills):
            name = f"{SERVICES[number % 3]}{'-2' if number % 2 else ''}"
            waits.append(await _around(fire, client, subscriber, name))
            print(f"{name:<20} {waits[-1]:.2f} s", flush=True)
            await asyncio.sleep(CALM_SECONDS)
    finally:
        await client.close()
        subscriber.close()
    return waits


async def _around(fire: Fire, client: Client, subscriber: Subscriber, name: str) -> float:
    """Kill the process; answers the longest time to settled of those around it."""
    began, asked = time.perf_counter(), dict[str, float]()
    killed = False
    async with asyncio.TaskGroup() as calls:
        while (gone := time.perf_counter() - began) < BEFORE_SECONDS + AFTER_SECONDS:
            if gone > BEFORE_SECONDS and not killed:
                killed = True
                await asyncio.to_thread(fire.stack.kill, name)
            (target,) = fire.take(1)
            asked[target.order_id] = time.perf_counter()
            calls.create_task(client.settle([target], next(fire.numbers)))
            await asyncio.sleep(EVERY_SECONDS)
    until = time.perf_counter() + SETTLED_SECONDS_MAX
    while not all(order_id in subscriber.settled_at for order_id in asked) and time.perf_counter() < until:
        await asyncio.sleep(0.05)
    return max(subscriber.settled_at.get(order_id, until) - began for order_id, began in asked.items())


if __name__ == "__main__":
    main()
