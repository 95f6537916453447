"""The number of SQL statements of a batch depends on what kinds of things it holds, never on how many messages."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.card_redemption.domain.commands import IssueCard
from services.credit_ledger.domain.model.commands import FundWallet, OpenAccount
from services.kernel.messages import Message
from services.order.domain.commands import CancelOrder, NewLine, NewTender, PlaceOrder
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.tenders import TenderType
from services.runtime.lanes.item import Item
from tests.settle.audit.house import NAMES, House, arrived, house
from tests.settle.audit.scratch import server

SIZES = (1, 10, 100)
NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
_COUNTED = {"fetch", "fetchrow", "fetchval", "execute", "executemany", "copy_records_to_table"}


class Counting:
    """A connection that counts the statements it is given; everything else it passes on."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        self.count += name in _COUNTED
        return getattr(self._connection, name)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def counted(dsn: str) -> AsyncIterator[House]:
    """A house whose connections count."""
    async with house(dsn, "counted", NOW) as world:
        counting: Any = {name: Counting(connection) for name, connection in world.connections.items()}
        world.connections = counting  # it passes everything on
        world.told_at = world.now  # the time is told once, by no message
        yield world


async def test_statements_do_not_grow_with_the_messages(counted: House) -> None:
    """Batches of 1, 10 and 100 placements and cancellations of orders with a gift card: every step costs the same."""
    counts = {size: await _settle(counted, size) for size in SIZES}

    assert counts[1] == counts[10] == counts[100]
    assert len(counts[1]) > 10
    assert max(count for _, count in counts[1]) < 25


async def _settle(world: House, size: int) -> list[tuple[str, int]]:
    """All steps of `size` lives of an order, each step one batch a service; answers the statements of every batch."""
    steps: list[tuple[str, int]] = []
    ids = [f"{size:03d}_{n:03d}" for n in range(size)]
    opened = [_call(f"acc_{i}", OpenAccount(f"acc_{i}", f"cus_{i}", 100_000)) for i in ids]
    issued = [_call(f"crd_{i}", IssueCard(f"crd_{i}", f"cus_{i}", 10_000)) for i in ids]
    await _step(world, steps, "credit_ledger", opened)
    await _step(world, steps, "credit_ledger", [_call(f"acc_{i}", FundWallet(f"acc_{i}", 10_000)) for i in ids])
    await _step(world, steps, "card_redemption", issued)
    await _step(world, steps, "order", [_call(f"ord_{i}", _order(i)) for i in ids])
    await _step(world, steps, "order", [_call(f"ord_{i}", CancelOrder(f"ord_{i}", "NOT_WANTED")) for i in ids])
    return steps


async def _step(world: House, steps: list[tuple[str, int]], service: str, items: list[Item]) -> None:
    """The calls as one batch, then what they send, service by service, until nothing is left."""
    await _count(world, steps, service, items)
    while world.sent:
        taken, world.sent = world.sent, []
        for name in NAMES:
            records = [r for r in taken if r.topic.split(".")[1] == name and r.topic.split(".")[2] != "events"]
            if records:
                await _count(world, steps, name, [arrived(name, record) for record in records])


async def _count(world: House, steps: list[tuple[str, int]], service: str, items: list[Item]) -> None:
    connection: Any = world.connections[service]
    before = connection.count
    await world.batch(service, items)
    steps.append((service, connection.count - before))


def _call(key: str, body: object) -> Item:
    return Item(Message(id=str(uuid4()), key=key, body=body, fresh_id=uuid4().hex), body_hash=b"body")


def _order(name: str) -> PlaceOrder:
    tenders = (
        NewTender(TenderType.CREDIT, 60_000, ""), NewTender(TenderType.WALLET, 5_000, ""),
        NewTender(TenderType.GIFTCARD, 5_000, f"crd_{name}"),
    )
    return PlaceOrder(
        order_id=f"ord_{name}", customer_id=f"cus_{name}", merchant_id="mer_1", account_id=f"acc_{name}",
        lines=(NewLine("line-1", 1, 70_000),), tenders=tenders, terms=CreditTerms(instalment_count=12),
    )
