"""Of many settlements of redemptions, what they left in the credit book is looked for once, not once for each."""

import asyncpg

from settle.audit import beside
from settle.audit.findings import CREDIT
from settle.audit.provenance import settlements
from tests.settle.audit.house import House
from tests.settle.audit.plans import looks

LOOKS_MAX = 40
"""So often a row is looked at, at most, by all steps of a plan together."""
ORDERS, REDEMPTIONS, REMITTANCES = 30_000, 2_000, 100
"""Settlements of each kind; those of orders and redemptions have an operation, remittances a journal alone."""
_CROWD = (
    "set local session_replication_role = replica",
    beside.TABLES,
    f"""insert into operations
        select (jsonb_populate_record(one, jsonb_build_object('number', 1000 + no, 'saga_id', 'saga_' || no))).*
        from (select o one from operations o limit 1) of, generate_series(1, {ORDERS}) no""",
    f"""insert into journals
        select (jsonb_populate_record(one, jsonb_build_object('root_version', 1000 + no, 'saga_id', 'saga_' || no))).*
        from (select j one from journals j limit 1) of, generate_series(1, {ORDERS + REMITTANCES}) no""",
    f"""insert into audit_redemptions (id, kind, decision, ended_at)
        select 'saga_' || no, 'payout', 'COMMIT', '2020-01-01'
        from generate_series({ORDERS - REDEMPTIONS}, {ORDERS + REMITTANCES}) no""",
    "analyze operations", "analyze journals", "analyze audit_redemptions",
)


async def test_the_journals_are_not_read_for_each_remittance(filled: House) -> None:
    """What a plan looks at grows with the rows that there are, not with their square."""
    check = next(check for check in settlements.CHECKS if check.id == "provenance.redeemed")
    connection = await asyncpg.connect(filled.dsns[CREDIT], server_settings={"jit": "off"})
    crowd = connection.transaction()
    await crowd.start()
    try:
        for statement in _CROWD:
            await connection.execute(statement)
        rows = await connection.fetchval(
            "select (select count(*) from operations) + (select count(*) from journals)"
        )

        assert await looks(connection, check.sql) < LOOKS_MAX * rows
        assert not await connection.fetch(check.sql)
    finally:
        await crowd.rollback()
        await connection.close()
