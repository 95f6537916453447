"""Calls of one batch share their instant: what is looked for by instant costs no more where thousands do."""

import asyncpg
import pytest

from settle.audit.findings import ORDER, Check
from settle.audit.joins import requests
from tests.settle.audit.house import House
from tests.settle.audit.plans import looks

AT_ONCE = 2_000
LOOKS_MAX = 40
"""So often a row is looked at, at most, by all steps of a plan together."""
_AT = "timestamptz '2027-05-05 05:05:05+00'"
"""Later than what the filled engine pruned."""
_ID = "'saga_' || md5(no::text)"
_CROWD = (
    f"""insert into sagas (id, root, kind, definition_version, plan, started_at, deadline_at, phase, decision, reason,
                           attempts, version, updated_at, branches)
        select {_ID}, 'ord_' || no, 'refund', 1, '{{}}', {_AT}, {_AT}, 'DONE', 'COMMIT', '', 0, 1, {_AT}, '[]'
        from generate_series(1, {AT_ONCE}) no""",
    f"""insert into inbox (message_id, verdict, type, decided_at, outcome, body_hash)
        select 'call_' || no, 'DONE', 'settlement.order.v1.Settlement', {_AT},
               convert_to('12' || {_ID}, 'UTF8'), '\\x00'
        from generate_series(1, {AT_ONCE}) no""",
    "analyze sagas", "analyze inbox",
)


@pytest.mark.parametrize("check", [check for check in requests.CHECKS if ORDER in check.where], ids=lambda it: it.id)
async def test_calls_of_one_instant_are_not_compared_each_with_each(filled: House, check: Check) -> None:
    """What a plan looks at grows with the rows that there are, not with their square."""
    connection = await asyncpg.connect(filled.dsns[ORDER], server_settings={"jit": "off"})
    crowd = connection.transaction()
    await crowd.start()
    try:
        for statement in _CROWD:
            await connection.execute(statement)
        rows = await connection.fetchval("select (select count(*) from inbox) + (select count(*) from sagas)")

        assert await looks(connection, check.sql) < LOOKS_MAX * rows
    finally:
        await crowd.rollback()
        await connection.close()
