"""Every row whose state was changed past the rules, and every timer that was, is found and named.

All are tried in one transaction, each behind a savepoint; what looks is what `settle verify` walks with.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import asyncpg
import pytest

from services.card_redemption.decisions import TIMERS as CARD_TIMERS
from services.credit_ledger.decisions import TIMERS as CREDIT_TIMERS
from services.credit_ledger.domain import lifecycles as credit
from services.kernel.decision import Rule
from services.kernel.lifecycle import Lifecycle
from services.kernel.messages import Message
from services.kernel.saga_life import SAGA
from services.order.decisions import TIMERS as ORDER_TIMERS
from services.order.domain import lifecycles as orders
from services.order.domain.commands import (
    ApproveReturn,
    ConfirmDelivery,
    NewLine,
    NewTender,
    PlaceOrder,
    RejectReturn,
    RequestReturn,
)
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import LineQuantity
from services.runtime.lanes.item import Item
from services.runtime.stored.inbox import Answered
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Finding
from settle.audit.snapshots import World
from settle.audit.states import accounts as account_states
from settle.audit.states import open_work
from settle.audit.states import orders as order_states
from settlement.order.v1.after_sale_service_pb2 import ReturnCase
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import ACCOUNT, CUSTOMER, GIFT, MERCHANT, WALLET, tell
from tests.settle.audit.story import CARD as CARD_ID

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
FAR = "3000-01-01"


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def told(dsn: str) -> AsyncIterator[House]:
    """The story, told once, and what else waits: a delivered order, return cases, and an order that is being placed."""
    async with house(dsn, "states", NOW) as world:
        await tell(world)
        await _go_on(world)
        yield world


async def _go_on(world: House) -> None:
    for order_id in ("ord_gift", "ord_returned", "ord_flash"):
        units = (LineQuantity("line-1", 1),)
        asked = cast(Answered, await world.ask("order", order_id, RequestReturn(order_id, units)))
        case = ReturnCase.FromString(asked.outcome)
        if order_id == "ord_returned":
            await world.ask("order", order_id, ApproveReturn(order_id, case.return_id))
        if order_id == "ord_flash":
            await world.ask("order", order_id, RejectReturn(order_id, case.return_id, "worn"))
    await world.ask("order", "ord_gift", ConfirmDelivery("ord_gift"))
    placed = PlaceOrder(
        order_id="ord_new", customer_id=CUSTOMER, merchant_id=MERCHANT, account_id=ACCOUNT, terms=CreditTerms(),
        lines=(NewLine("line-1", 1, 3_000),), tenders=(NewTender(WALLET, 1_000), NewTender(GIFT, 2_000, CARD_ID)),
    )
    await world.batch("order", [Item(Message("", "ord_new", placed, fresh_id=uuid4().hex))])  # nobody answers yet


@asynccontextmanager
async def opened(told: House) -> AsyncIterator[World]:
    """The databases in transactions that are rolled back, without the constraints and triggers that would refuse."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connection = connections[service] = await asyncpg.connect(told.dsns[service])
            stack.push_async_callback(connection.close)
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
            await connection.execute("set local session_replication_role = replica")
            for row in await connection.fetch(
                """select conrelid::regclass::text as table, conname as name from pg_constraint
                   where contype = 'c' and connamespace = 'public'::regnamespace"""
            ):
                await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
        yield World(connections, quiet=True)


async def findings(world: World, only: Sequence[str] = SERVICES) -> list[Finding]:
    """All that the checks of states find in these services, and of what is under way."""
    found = []
    for walk in (*order_states.WALKS, *account_states.WALKS):
        if walk.service not in only:
            continue
        table = {"order": "orders", "merchant settlement": "merchant_settlements", "account": "credit_accounts",
                 "card": "gift_cards"}[walk.of]
        ids = [row["id"] for row in await world[walk.service].fetch(f"select id from {table} order by id")]
        found += await walk.find(world, ids)
    for cross in open_work.CROSS.values():
        found += await cross(world)
    return found


async def after(world: World, *changes: tuple[str, str]) -> list[Finding]:
    """What is found once these statements (service, SQL) were run, each of which changes something; then they are
    undone."""
    async with AsyncExitStack() as stack:
        for service in dict.fromkeys(service for service, _ in changes):
            savepoint = world[service].transaction()
            await savepoint.start()
            stack.push_async_callback(savepoint.rollback)
        for service, sql in changes:
            done = await world[service].execute(sql)
            assert not done.endswith(" 0"), f"nothing is changed by {sql}"
        return await findings(world, [service for service, _ in changes])


BLIND: Sequence[tuple[str, str, tuple[tuple[str, str], ...]]] = (
    ("08 an agreement that owes is not open", "agreements ord_flash open",
     ((CREDIT, "update agreements set open = false where order_id = 'ord_flash'"),)),
    ("09 an account that owes has no next cut", "credit_accounts acc_1 next_cut_at",
     ((CREDIT, "update credit_accounts set next_cut_at = null"),
      (CREDIT, "delete from timers where kind = 'statement_cut'"))),
    ("21 a leg is settled that the rail did not pay", " state",
     ((CREDIT, "update legs set state = 'SETTLED' where order_id = 'ord_whole'"),
      (CREDIT, "delete from timers where kind = 'leg' and key = (select id from legs where order_id = 'ord_whole')"))),
    ("27 nothing ends the hold of an order", "timer hold_expiry of ord_waiting",
     ((ORDER, "delete from timers where kind = 'hold_expiry'"),)),
    ("28 all timers are due in the year 3000", "timer leg of ",
     ((CREDIT, f"update timers set due_at = '{FAR}'"), (ORDER, f"update timers set due_at = '{FAR}'"))),
    ("37 a hold lasts until 2099", "agreements ord_waiting hold.expires_at",
     ((CREDIT, """update agreements set hold = jsonb_set(hold::jsonb, '{expires_at}', '"2099-01-01T00:00:00Z"')
                  where order_id = 'ord_waiting'"""),)),
    ("37b an order may ship until 2099", "orders ord_waiting hold_expires_at",
     ((ORDER, f"update orders set hold_expires_at = '{FAR}' where id = 'ord_waiting'"),
      (ORDER, f"update timers set due_at = '{FAR}' where kind = 'hold_expiry'"))),
    ("38 a return case refunds for ever", "return_cases ret_x state",
     ((ORDER, """insert into return_cases
                 select 'ret_x', 'ord_returned', 'REFUNDING', id, 1, now(), now(), null, '[]', '[]', '{}'
                 from sagas where kind = 'refund' and root = 'ord_returned' and phase = 'DONE' limit 1"""),)),
    ("39 a shipped and refunded order awaits its shipment", "orders ord_returned state",
     ((ORDER, "update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_returned'"),)),
    ("40 an order is being placed by nobody", "orders ord_waiting settlement_id",
     ((ORDER, "update orders set state = 'PLACING' where id = 'ord_waiting'"),)),
    ("41 a rejected order awaits its shipment", "orders ord_rejected hold_expires_at",
     ((ORDER, "update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_rejected'"),)),
    ("44 an effective agreement is a draft", "agreements ord_flash state",
     ((CREDIT, "update agreements set state = 'DRAFT' where order_id = 'ord_flash'"),)),
    ("51 an account is claimed by a settlement that nobody knows", "credit_accounts acc_1",
     ((CREDIT, "update credit_accounts set pending_saga_id = 'saga_nobody', pending_tried_at = now()"),)),
)


async def test_the_story_is_sound(told: House) -> None:
    """Nothing is found of what the rules wrote."""
    async with opened(told) as world:
        assert await findings(world) == []


@pytest.mark.parametrize(("what", "named", "changes"), BLIND, ids=lambda value: str(value)[:2])
async def test_what_was_not_seen_is_found_and_named(
    told: House, what: str, named: str, changes: tuple[tuple[str, str], ...]
) -> None:
    """Findings: proto_blind."""
    async with opened(told) as world:
        found = await after(world, *changes)

    assert any(named in finding.what for finding in found), f"{what}: {found}"


async def test_every_timer_is_missed_and_wanted_where_and_when_it_belongs(told: House) -> None:
    """Deleted, moved far away, given another root, another partition, another key, or another kind."""
    unseen = []
    async with opened(told) as world:
        for service in (ORDER, CREDIT):
            for row in await world[service].fetch("select kind, key from timers"):
                where = f"where kind = '{row['kind']}' and key = '{row['key']}'"
                for change in (
                    f"delete from timers {where}", f"update timers set due_at = '{FAR}' {where}",
                    f"update timers set root = 'ord_else' {where}", f"update timers set key = 'ord_gone' {where}",
                    f"update timers set kind = 'after_all' {where}",
                    f"update timers set partition = partition + 1 {where}",
                ):
                    named = f"timer {row['kind']} of {row['key']}"
                    if all(finding.what != named for finding in await after(world, (service, change))):
                        unseen.append(change)

    assert unseen == []


async def test_a_timer_of_nothing_is_found(told: House) -> None:
    """Of a kind that nothing decides, of a row that is gone or does not wait, or of a card."""
    rows = (
        (ORDER, "after_sale", "ord_waiting"), (ORDER, "hold_expiry", "ord_gone"), (ORDER, "auto_approve", "ret_gone"),
        (ORDER, "statement_cut", "acc_1"), (ORDER, "notice", "told/1"), (ORDER, "saga", "saga_gone"),
        (ORDER, "resume", "saga_gone"), (CREDIT, "leg", "leg_gone"), (CREDIT, "flash_timeout", "rfd_gone"),
        (CREDIT, "reconcile", "reconciliation/other"), (CREDIT, "statement_cut", "acc_gone"), (CARD, "leg", "crd_1"),
        (CARD, "card_sweep", "crd_gone"),
    )
    async with opened(told) as world:
        for service, kind, key in rows:
            found = await after(world, (service, f"insert into timers values ('{kind}', '{key}', 'x', 0, now())"))

            assert f"timer {kind} of {key}" in {finding.what for finding in found}


@pytest.mark.parametrize(
    ("service", "timers"), [(ORDER, ORDER_TIMERS), (CREDIT, CREDIT_TIMERS), (CARD, CARD_TIMERS)],
)
def test_every_kind_of_timer_is_known(service: str, timers: Mapping[str, Rule]) -> None:
    """One that a service decides and the auditor does not know would be found to wake nothing."""
    known = {kind for kinds in open_work.WOKEN[service].values() for kind in kinds}

    assert timers.keys() <= known


TABLES: Sequence[tuple[str, str, str, Lifecycle]] = (  # type: ignore[type-arg]  # of as many kinds of rows
    (ORDER, "orders", "id", orders.ORDER), (ORDER, "return_cases", "id", orders.RETURN_CASE),
    (ORDER, "merchant_settlements", "id", orders.MERCHANT_SETTLEMENT),
    (ORDER, "sagas", "id", SAGA), (CREDIT, "agreements", "order_id", credit.AGREEMENT),
    (CREDIT, "legs", "id", credit.LEG), (CREDIT, "credit_refunds", "id", credit.CREDIT_REFUND),
    (CREDIT, "credit_accounts", "id", credit.ACCOUNT),
)


async def test_no_state_can_be_set_to_another_unseen(told: House) -> None:
    """Of one row in each state that the story has, set to every other state of its table."""
    unseen = []
    async with opened(told) as world:
        for service, table, key, life in TABLES:
            column = "phase" if table == "sagas" else "state"
            rows = await world[service].fetch(
                f"select distinct on ({column}) {column} as state, {key} as key from {table}"
            )
            for row in rows:
                for state in set(life.states) - {row["state"]}:
                    change = f"update {table} set {column} = '{state}' where {key} = '{row['key']}'"
                    found = await after(world, (service, change))
                    if all(row["key"] not in finding.what for finding in found):
                        unseen.append((table, row["state"], state.value))

    assert sorted(set(unseen) - set(SEEN_ELSEWHERE)) == [], "\n".join(map(str, sorted(set(unseen))))
    assert set(SEEN_ELSEWHERE) <= set(unseen)


SEEN_ELSEWHERE = {
    ("credit_accounts", "ACTIVE", "SUSPENDED"): "the log of the account says its state (folds)",
    ("agreements", "SETTLED_EARLY", "PAID_OFF"): "what is refunded may have been paid before: its log tells (folds)",
    ("agreements", "SETTLED_EARLY", "CHARGED_OFF"): "a refund may have recovered all: its log tells (folds)",
    ("sagas", "ABORTED", "DONE"): "sagas.decision",
    ("sagas", "DONE", "ABORTED"): "sagas.decision",
    ("sagas", "TRYING", "FROZEN"): "unfinished.frozen",
}
"""Changes that leave a row as it could be, and who sees them. Of legs on their way (PENDING, SENT, UNKNOWN) the story
has only a new one: later, whichever of them it is, it is sent or asked about under the same key (PM-6)."""
