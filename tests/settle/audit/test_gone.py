"""What moved no money and is gone with all that told of it: nothing that is left contradicts itself, but the mark of
the last clean run has the numbers of rows that the engine never takes away."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from settle.audit.changed import places_of
from settle.audit.findings import CARD, ORDER
from settle.audit.gone import GONE, gone
from tests.settle.audit.blind_sql import Blind, Change, card, changes, order
from tests.settle.audit.breaking import Breakable, taken_back

MISSED: Sequence[tuple[str, Sequence[str], Sequence[Change]]] = (
    ("an order that was refused long ago", ("events", "orders", "saga_records"), (
        order("delete from orders where id = 'ord_too_dear'"),
        order("delete from saga_digests where root = 'ord_too_dear'"),
        order("delete from events where aggregate_id = 'ord_too_dear'"),
    )),
    ("a settlement with a merchant that was refused long ago", ("merchant_settlements", "saga_records"), (
        order("delete from merchant_settlements where id = 'mer_1/mst_2'"),
        order("delete from saga_digests where root = 'mer_1/mst_2'"),
    )),
    ("a message that was set aside", ("parked",), (order("delete from parked where key = 'key_1'"),)),
    ("a share of which nothing is owed", ("merchant_shares",), (
        card("delete from merchant_shares where id = 'mer_1/03'"),
    )),
    ("what was given back on a day", ("refund_days",), (order("delete from refund_days where id like 'customer/%'"),)),
    ("a code that its card has outlived", ("card_codes",), (
        card("delete from card_codes where card_id = 'crd_given' and number = 1"),
    )),
    ("a card of which a refused order took nothing", ("card_tenders",), (
        card("delete from card_tenders where order_id = 'ord_too_dear'"),
    )),
    ("one of two freeze cases of an instant", ("freeze_cases",), (
        card("delete from freeze_cases where card_id = 'crd_olddear' and submitted_by = 'cus_stranger'"),
    )),
)


@pytest.mark.parametrize(("what", "tables", "does"), MISSED, ids=[each[0] for each in MISSED])
async def test_only_the_mark_tells_that_it_is_gone(
    broken_filled: Breakable, what: str, tables: Sequence[str], does: Sequence[Change]
) -> None:
    """A check that finds it too would be better: then it is no business of this test any more."""
    verdict = await broken_filled.broken(changes(Blind(what, "", (), does)))

    assert not verdict.findings, "\n".join(map(str, verdict.findings))
    assert await _told_by_the_mark(broken_filled, does) == sorted(tables)


async def test_what_the_engine_does_itself_is_not_missed(broken_filled: Breakable) -> None:
    """A row that is written beside the count, a message that is resolved, an ended settlement that becomes a digest;
    and what was resolved long ago may be gone."""
    resolved = "update parked set state = 'RETRIED', resolved_at = now() where key = 'key_1'"
    digested = """
        with ended as (delete from sagas where root = 'ord_cases' returning *)
        insert into saga_digests (id, root, kind, definition_version, phase, decision, reason, started_at, ended_at,
                                  version, plan, branches)
        select id, root, kind, definition_version, phase, decision, reason, started_at, updated_at, version, plan,
               branches from ended"""
    later = """update runtime_facts set value = (value::timestamptz + interval '30 days')::text
               where name = 'manual_clock'"""

    assert await _told_by_the_mark(broken_filled, (order(resolved), order(digested))) == []
    assert await _told_by_the_mark(
        broken_filled, (order(later), order("delete from parked where key = 'key_1'"))
    ) == []


async def _told_by_the_mark(broken: Breakable, does: Sequence[Change]) -> list[str]:
    """The tables of which rows are gone since a clean run on the filled engine."""
    connection = broken.world[ORDER]
    async with taken_back(connection), taken_back(broken.world[CARD]):
        await connection.execute("update parked set parked_at = parked_at - $1::interval where key = 'key_1'",
                                 timedelta(hours=2))
        places = await places_of(broken.world)
        for service, sql in does:
            await broken.world[service].execute(sql)
        found = await gone(broken.world, places)
    assert {finding.check for finding in found} <= {GONE}
    return sorted({finding.what for finding in found})
