"""Behaviour stays byte for byte what it was: a long story, told again, leaves the same rows in every table.

Recorded with commit ff3f9bd, the last one before the house was rebuilt. The story runs the real decisions, stores,
codecs and gRPC methods of the three services on a real PostgreSQL; records go from hand to hand, the clock is moved by
hand, all ids are counted. `story.json` holds, for each table and aggregate, the number of rows and a digest of them;
`answers` are what callers got. Tokens of pages are the engine's own affair and are left out.

A difference that nobody wanted: `python -m tests.recorded show FOLDER`, here and in a checkout of the last good commit,
writes everything out, messages spelled; `diff -r` of the two folders tells which field of which message it is.
A difference that was wanted: `python -m tests.recorded write`, and the commit says what has changed and why.
A refactoring adapts `engine.py`, never the fixture.
"""

import json

import pytest
import pytest_asyncio

from tests.recorded import canon, story
from tests.recorded.__main__ import FIXTURE
from tests.settle.audit.scratch import server

RECORDED: dict[str, dict[str, str]] = json.loads(FIXTURE.read_text())
SHOWN_MAX = 5
"""How many aggregates of a table that differ are shown."""

Told = dict[str, dict[str, list[str]]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told() -> Told:
    """What the story leaves behind today."""
    with server() as dsn:
        return await story.told(dsn)


@pytest.mark.parametrize("table", RECORDED)
def test_a_table_holds_what_was_recorded(told: Told, table: str) -> None:
    """Same aggregates, same rows, same bytes."""
    now = canon.digests(told)[table]

    different = [name for name in {**RECORDED[table], **now} if RECORDED[table].get(name) != now.get(name)]
    shown = [
        f"{name}: recorded {RECORDED[table].get(name)}, now {now.get(name)}\n  "
        + "\n  ".join(map(canon.readable, told[table].get(name, [])))
        for name in different[:SHOWN_MAX]
    ]

    assert not different, f"{len(different)} of {len(now)} differ in {table}\n" + "\n".join(shown)


def test_no_table_is_new(told: Told) -> None:
    """A new table is recorded with the change that brings it."""
    assert set(told) == set(RECORDED)
