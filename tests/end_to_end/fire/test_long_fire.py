"""The fires that burn for minutes; `settle test all` plays them."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from settle.client.tokens import Tokens
from tests.end_to_end.fire.client import Client
from tests.end_to_end.fire.conftest import Fire, burning, filled, folder
from tests.end_to_end.fire.test_fire import verify

pytestmark = [pytest.mark.end_to_end, pytest.mark.long, pytest.mark.timeout(900)]

RESTARTS = 9
BETWEEN_SECONDS = 20.0
A_BURST = 60
FEW_ORDERS = 600
DISK_MIB = 1_500
BALLAST = "ballast"
FULL_SECONDS = 10.0


async def test_postgres_restarts_every_20_seconds(fire: Fire) -> None:
    """For three minutes, under load; every request ends, once, and the books agree."""
    client = Client(fire.addresses, Tokens.of(fire.stack.endpoints))
    began = time.monotonic()
    try:
        async with asyncio.TaskGroup() as load:
            for number in range(RESTARTS):
                load.create_task(client.settle(fire.take(A_BURST), next(fire.numbers)))
                await asyncio.sleep(max(0.0, began + (number + 1) * BETWEEN_SECONDS - time.monotonic()))
                await asyncio.to_thread(fire.stack.stop_postgres, number % 2 == 1)
                await asyncio.to_thread(fire.stack.start_postgres)
        await client.ask_again()
    finally:
        await client.close()

    assert client.contradictions() == {}
    await verify(fire)


@pytest.mark.needs_root
async def test_the_disk_under_postgres_is_full() -> None:
    """PostgreSQL cannot write its log any more and ends; when there is room again, everything goes on."""
    with folder() as data:
        targets = await asyncio.to_thread(filled, data, FEW_ORDERS)
        with _small_disk(data / "postgres") as disk, burning(data) as stack:
            fire = Fire(stack, iter(targets))
            client = Client(fire.addresses, Tokens.of(fire.stack.endpoints))
            try:
                load = asyncio.create_task(client.settle(fire.take(A_BURST), next(fire.numbers)))
                await asyncio.to_thread(_fill, disk / BALLAST)
                more = asyncio.create_task(client.settle(fire.take(A_BURST), next(fire.numbers)))
                await asyncio.sleep(FULL_SECONDS)
                (disk / BALLAST).unlink()
                await asyncio.gather(load, more)
                await client.ask_again()
            finally:
                await client.close()

            assert client.contradictions() == {}
            await verify(fire)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """What is in the folder, on a file system of its own that a test can fill."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(ballast: Path) -> None:
    """Until nothing more fits."""
    with ballast.open("wb", buffering=0) as file:
        try:
            for _ in range(DISK_MIB):
                file.write(bytes(1 << 20))
        except OSError:
            return
    raise AssertionError("the disk is larger than it should be")
