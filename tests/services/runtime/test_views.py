"""Whoever reads a service's database with SQL finds each place of a saga's branches under its name."""

from dataclasses import fields
from datetime import UTC, datetime

from services.kernel.saga import Branch, BranchState, Phase, Run
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.stored.sagas import save_runs
from tests.services.list_views import ListView

AT = datetime(2026, 1, 2, tzinfo=UTC)
BRANCHES = ListView(
    "saga_branches", [field.name for field in fields(Branch)], frozenset({"saga_id", "root", "kind", "phase", "no"})
)


async def test_a_saga_s_branches_are_read_by_name(settings: Settings) -> None:
    """Whoever adds a field to a branch adds it to the view."""
    await migrate(settings.dsn, [])
    connection = await connect_lane(settings)
    branches = (
        Branch("credit_ledger", BranchState.TRIED), Branch("card_redemption", BranchState.REFUSED, "BUSY", "no"),
    )
    try:
        await write(connection, *save_runs([Run(
            id="saga_1", root="ord_1", kind="refund", definition_version=1, phase=Phase.TRYING, plan={},
            branches=branches, started_at=AT, deadline_at=AT,
        )], {}))

        await BRANCHES.check_columns(connection)
        assert await BRANCHES.rows(connection) == [
            {"service": "credit_ledger", "state": "TRIED", "reason": "", "result": b"null"},
            {"service": "card_redemption", "state": "REFUSED", "reason": "BUSY", "result": b'"no"'},
        ]
    finally:
        await connection.close()
