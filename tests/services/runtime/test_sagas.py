"""Stored runs: each is read as its own version stores it,
though a later one has other participants and another plan."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from services.kernel.advancing import advance, begin
from services.kernel.coordination import Definitions
from services.kernel.errors import Defect
from services.kernel.messages import Op
from services.kernel.saga import Definition, Participant, Reply, Run, Verdict
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.stored.sagas import saga_table

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OldPlan:
    """What the first version stored."""

    amount_minor: int


@dataclass(frozen=True, slots=True)
class NewPlan:
    """What the second version stores."""

    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    at: datetime
    what: str = ""


def _participant(service: str) -> Participant:
    return Participant(
        service=service, involved=lambda plan: True, key=lambda plan: "k", command=lambda plan: plan,
        planned=lambda plan: (), result_type=Told,
    )


FIRST = Definition("refund", 1, OldPlan, (_participant("van"), _participant("ship")))
SECOND = Definition("refund", 2, NewPlan, (_participant("plane"),))


def _runs() -> list[Run]:
    old = begin(FIRST, "saga_old", "ord_1", OldPlan(5), NOW).run
    tried = advance(FIRST, old, Reply("saga_old", "van", Op.TRY, Verdict.DONE, result=Told(NOW, "loaded")), NOW).run
    return [tried, begin(SECOND, "saga_new", "ord_1", NewPlan((2, 3)), NOW).run]


async def test_runs_of_two_versions_come_back_as_they_were_saved(settings: Settings) -> None:
    """Plans and answers by version; a run whose version is gone is a defect, not a guess."""
    await migrate(settings.dsn, [])
    connection = await connect_lane(settings)
    table, saved = saga_table(Definitions(FIRST, SECOND)), _runs()

    await write(connection, *table.save(saved, {}))
    found = {run.id: run for run in await table.load(connection, ["saga_new", "saga_old"])}

    assert found == {run.id: run for run in saved}
    with pytest.raises(Defect, match="refund version 1"):
        await saga_table(Definitions(SECOND)).load(connection, ["saga_old"])
    await connection.close()
