"""What the metrics say of open settlements, payments and messages that are set aside."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from services.runtime.ground.clock import ManualClock, open_clock
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.measuring import Measuring
from services.runtime.stored.open_work import OpenWork

NOW = datetime(2026, 3, 10, tzinfo=UTC)


async def _payments(_connection: Connection, _most: int) -> Sequence[OpenWork]:
    return [OpenWork(("UNKNOWN",), 2, NOW - timedelta(days=3), 4200)]


def shown(name: str, **labels: str) -> float | None:
    """The value of a series; None if it is not there."""
    return REGISTRY.get_sample_value(name, labels)


async def test_what_is_open_by_kind_and_age(settings: Settings) -> None:
    """By the service's own clock; what has ended is gone from the metrics."""
    await migrate(settings.dsn, [])
    pool = await open_pool(settings)
    async with pool.own.acquire() as connection:
        clock = await open_clock(connection, "manual")
        assert isinstance(clock, ManualClock)
        await clock.set(connection, NOW)
        for number, (phase, minutes) in enumerate((("TRYING", 9), ("TRYING", 2), ("FROZEN", 30))):
            await _saga(connection, f"s{number}", phase, NOW - timedelta(minutes=minutes))
        await connection.execute(
            """insert into parked (source, key, message_id, reason, parked_at) values ('call', 'k', 'm', 'WHY', $1)""",
            NOW,
        )
        measuring = Measuring(pool.own, clock, coordinates=True, open_payments=_payments)

        await measuring.look(connection)

        assert shown("settle_settlements_open", kind="refund", phase="TRYING") == 2
        assert shown("settle_settlement_oldest_seconds", kind="refund", phase="TRYING") == 540
        assert shown("settle_settlements_open", kind="refund", phase="FROZEN") == 1
        assert shown("settle_parked_open") == 1
        assert shown("settle_payments_open", state="UNKNOWN") == 2
        assert shown("settle_payments_open_minor_units", state="UNKNOWN") == 4200
        assert shown("settle_payment_oldest_seconds", state="UNKNOWN") == 3 * 86_400

        await connection.execute("delete from timers")
        await measuring.look(connection)

        assert shown("settle_settlements_open", kind="refund", phase="TRYING") is None
        assert shown("settle_settlement_oldest_seconds", kind="refund", phase="FROZEN") is None
    await pool.close()


async def _saga(connection: Connection, saga_id: str, phase: str, began: datetime) -> None:
    await connection.execute(
        """insert into sagas (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at, version,
                              plan, branches)
           values ($1, 'r', 'refund', 1, $2, $3, $3, $3, 1, '{}', '[]')""",
        saga_id, phase, began,
    )
    await connection.execute(
        "insert into timers (kind, key, root, partition, due_at) values ('saga', $1, 'r', 0, $2)", saga_id, began
    )

