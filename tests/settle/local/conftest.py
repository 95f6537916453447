"""A folder with a space in its name that the database's user can reach; and bounded waiting for another process."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Until = Callable[[Callable[[], bool], float], float]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below the system's temp directory, open to all, gone afterwards."""
    parent = Path(tempfile.mkdtemp(prefix="settle test "))
    parent.chmod(0o755)
    made = parent / "with a space"
    made.mkdir()
    yield made
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def until() -> Until:
    """Waits until it holds, at most so many seconds; answers how long it took."""

    def wait(holds: Callable[[], bool], seconds: float) -> float:
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, f"not within {seconds} s"
            time.sleep(0.02)
        return time.monotonic() - began

    return wait
