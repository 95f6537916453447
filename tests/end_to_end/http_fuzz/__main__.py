"""`python -m tests.end_to_end.http_fuzz DATA COUNT [SEED [FIRST]]`: send so many, from the number FIRST on, to the
gateway of the engine in the folder DATA; says how they were answered, and which went wrong, with their numbers."""

import asyncio
import sys
import time
from pathlib import Path

from settle.client.tokens import Tokens
from settle.local.endpoints import gateway_of, read_endpoints
from tests.end_to_end.http_fuzz.sending import Told, fuzz, renewed

REPORT_SECONDS = 60.0


async def main(folder: Path, count: int, seed: int, first: int) -> int:
    """The exit status: 1 where anything went wrong."""
    endpoints = read_endpoints(folder)
    assert endpoints is not None, f"no engine runs in {folder}"
    tokens, told = Tokens.of(endpoints), Told()
    assert tokens is not None
    reporter = asyncio.create_task(_report(told))
    await fuzz(gateway_of(endpoints), iter(range(first, first + count)), seed, renewed(tokens), told)
    reporter.cancel()
    _say(told)
    sys.stdout.write(f"{dict(told.reasons.most_common())}\n")
    sys.stdout.writelines(f"{number} {what} {sent!r}\n" for number, what, sent in told.wrong)
    return 1 if told.wrong else 0


async def _report(told: Told) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        _say(told)


def _say(told: Told) -> None:
    used = time.process_time()
    sys.stdout.write(
        f"{told.count} answered, {len(told.wrong)} wrong, slowest {told.slowest_seconds:.1f} s, CPU {used:.0f} s:"
        f" {dict(sorted(told.statuses.items()))}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[2:]]
    raise SystemExit(asyncio.run(main(Path(sys.argv[1]), given[0], *(given[1:] + [1, 0][len(given) - 1 :]))))
