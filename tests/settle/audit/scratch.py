"""A throw-away PostgreSQL for tests that need a real one: no durability, gone with the test session."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from settle.local import postgres


def made(folder: Path) -> postgres.Postgres:
    """A server of our own below a folder, not started yet, also where the engine would use somebody else's."""
    with pytest.MonkeyPatch.context() as environ:
        environ.delenv("SETTLE_PG_DSN", raising=False)
        return postgres.make(folder, durable=False)


@contextmanager
def server() -> Iterator[str]:
    """A running server; yields its DSN without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="settle-pg-"))
    try:
        own = made(folder)
        own.start()
        try:
            yield own.dsn.rpartition("/")[0]
        finally:
            own.stop(immediate=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
