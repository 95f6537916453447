"""The real stores of the three services hold what services in memory hold, after whole random histories of a shop.

Every message that a service in memory decided is decided again on PostgreSQL: alone or with others, after a commit that
failed, or in two processes at a time.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Sequence

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test

from tests.extremes.engine import SERVICES, START, Engine
from tests.services.equivalence.heard import Heard, Remembering, worlds
from tests.services.equivalence.tables import Tables
from tests.services.test_bank_histories import Banks
from tests.settle.audit.scratch import server

HISTORIES = max(int(os.environ.get("SETTLE_HISTORIES", "0")) // 1_000, 3)
"""How many shops; each is a hundred transactions and more."""
TOGETHER_MAX = 4


class Stored:
    """The three databases, on a loop of their own."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._all = {name: Tables(service, f"{dsn}/{name}") for name, service in SERVICES.items()}
        self._runner.run(self._open(dsn))

    def close(self) -> None:
        """Disconnect."""
        self._runner.run(_each(each.close() for each in self._all.values()))
        self._runner.close()

    def empty(self) -> None:
        """For the next history."""
        self._runner.run(_each(each.empty() for each in self._all.values()))

    def follow(self, name: str, heard: Sequence[Heard], chance: random.Random) -> None:
        """Decide what was heard."""
        self._runner.run(self._followed(self._all[name], heard, chance))

    def differences(self, name: str, world: Remembering) -> list[str]:
        """What is not the same."""
        return self._runner.run(self._all[name].differences(world))

    @property
    def decided(self) -> dict[str, int]:
        """How many transactions of each service were committed."""
        return {name: each.committed for name, each in self._all.items()}

    @property
    def collisions(self) -> int:
        """How often one of two processes lost."""
        return sum(each.collisions for each in self._all.values())

    async def _open(self, dsn: str) -> None:
        admin = await asyncpg.connect(f"{dsn}/postgres")
        for name, each in self._all.items():
            await admin.execute(f'create database "{name}"')
            await each.open()
        await admin.close()

    async def _followed(self, tables: Tables, heard: Sequence[Heard], chance: random.Random) -> None:
        left = list(heard)
        while left:
            some = _together(left, chance.randint(1, TOGETHER_MAX))
            del left[:len(some)]
            if chance.random() < 0.2:
                await tables.fail(some)
            if chance.random() < 0.5 and all(each.known_again for each in some):
                await tables.collide(some)
            else:
                await tables.decide(some)


async def _each(steps: Iterator[object]) -> None:
    for step in steps:
        await step  # type: ignore[misc]  # a coroutine


def _together(heard: Sequence[Heard], most: int) -> list[Heard]:
    """The first of these, as many as one transaction may decide: of one instant, and nobody waits for another."""
    some = [heard[0]]
    for each in heard[1:most]:
        if each.at != some[0].at or each.effects.busy or some[-1].effects.busy:
            break
        some.append(each)
    return some


class StoredBanks(Banks):
    """The shop's histories, each step followed by the tables."""

    stored: Stored
    collided = 0

    def engine(self) -> Engine:
        """One that remembers what it heard."""
        self.worlds = worlds(START)
        return Engine(self.worlds)

    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        """Empty tables, and a shop."""
        self.stored.empty()
        self.chance = random.Random(seed)
        super().open(seed)

    @invariant()
    def the_laws_hold(self) -> None:
        """Whatever happened is followed; what is compared is compared at the end."""
        for name, world in self.worlds.items():
            heard, world.heard = world.heard, []
            self.stored.follow(name, heard, self.chance)

    def teardown(self) -> None:
        """Everything comes to its end, and nothing differs."""
        super().teardown()
        for name, world in getattr(self, "worlds", {}).items():
            assert self.stored.differences(name, world) == []


@pytest.fixture(scope="module")
def stored() -> Iterator[Stored]:
    """Databases of a server of our own."""
    with server() as dsn:
        opened = Stored(dsn)
        yield opened
        opened.close()


def test_the_tables_hold_what_memory_holds(stored: Stored) -> None:
    """Rows, answers, timers, events and journals of all three services, conflicts and failed commits included."""
    StoredBanks.stored = stored

    run_state_machine_as_test(StoredBanks, settings=settings(
        max_examples=HISTORIES, stateful_step_count=10, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
    ))

    assert stored.collisions > 0
    assert min(stored.decided.values()) > 10
