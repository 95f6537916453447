"""Settlements with merchants: which commands go out, and how each ends, in memory and on a real database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.kernel.decision import Command
from services.kernel.errors import NotFound
from services.kernel.messages import Op
from services.kernel.saga import Phase, Reply, Run, Verdict
from services.order.domain.merchant_settlement import (
    MerchantPlan,
    MerchantSettlement,
    MerchantSettlementState,
    SettleGiftCardShare,
)
from services.order.rpc.merchants import MerchantServicer
from services.order.sagas import DEFINITIONS
from services.order.store.reads import shown
from services.runtime.ground.tables import Connection
from services.runtime.stored.steps import Step, look_for
from settlement.common.v1 import money_pb2
from settlement.order.v1 import merchant_service_pb2 as pb
from tests.services.batches import check_saved
from tests.services.order.shop import ALL_TABLES, Shop
from tests.services.order.world import World

KEY = "mer_1/mst_1"
SETTLED, REFUSED = MerchantSettlementState.SETTLED, MerchantSettlementState.REFUSED


def _begun() -> World:
    world = World()
    assert world.ask(SettleGiftCardShare("mer_1", 4_000), KEY).reason == ""
    return world


def _settlement(world: World) -> MerchantSettlement:
    row = world.rows[MerchantSettlement, KEY]
    assert isinstance(row, MerchantSettlement)
    return row


def _run(world: World) -> Run:
    return world.run(_settlement(world).settlement_id)


def _answer(world: World, command: Command, verdict: Verdict = Verdict.DONE, reason: str = "") -> None:
    saga = command.saga
    assert saga is not None
    moved = (("GIFTCARD", 4_000),) if saga.op is Op.TRY and verdict is Verdict.DONE else ()
    reply = Reply(saga.saga_id, saga.branch, saga.op, verdict, reason, moved=moved)
    world.reply(KEY, reply)


def _answer_all(world: World, refusing: str = "", reason: str = "") -> None:
    sent, world.sent = world.sent, []
    for command in sent:
        no = command.participant == refusing
        _answer(world, command, Verdict.REFUSED if no else Verdict.DONE, reason if no else "")


def test_both_books_are_asked_and_then_told() -> None:
    """TRY to both under the merchant's first share, CONFIRM to both, done; the root says so."""
    world = _begun()

    tried = [
        (c.participant, c.key, c.saga.op if c.saga else None, c.body.plan)  # type: ignore[attr-defined]  # both have it
        for c in world.sent
    ]
    _answer_all(world)
    confirmed = [(c.participant, c.saga.op if c.saga else None) for c in world.sent]
    _answer_all(world)

    plan = MerchantPlan("mer_1", 4_000)
    assert tried == [("credit_ledger", "mer_1/00", Op.TRY, plan), ("card_redemption", "mer_1/00", Op.TRY, plan)]
    assert confirmed == [("credit_ledger", Op.CONFIRM), ("card_redemption", Op.CONFIRM)]
    settlement = _settlement(world)
    assert (_run(world).phase, settlement.state, settlement.ended_at) == (Phase.DONE, SETTLED, world.now)
    assert not world.timers


def test_what_is_not_owed_leaves_no_trace() -> None:
    """card_redemption refuses; both are cancelled, and the root says why."""
    world = _begun()

    _answer_all(world, "card_redemption", "EXCEEDS_PAYABLE")
    cancelled = [c.saga.op for c in world.sent if c.saga]
    _answer_all(world)

    assert cancelled == [Op.CANCEL, Op.CANCEL]
    settlement = _settlement(world)
    assert (_run(world).phase, settlement.state, settlement.reason) == (Phase.ABORTED, REFUSED, "EXCEEDS_PAYABLE")


def test_a_lost_command_is_sent_again_and_silence_ends_it() -> None:
    """The timer of the saga works for a root that is no order."""
    world = _begun()
    world.sent.clear()

    world.turn(timedelta(seconds=8))
    again = [c.saga.op for c in world.sent if c.saga]
    world.turn(timedelta(seconds=30))
    world.sent = [command for command in world.sent if command.saga and command.saga.op is Op.CANCEL]
    _answer_all(world)

    assert again == [Op.TRY, Op.TRY]
    assert (_settlement(world).state, _settlement(world).reason) == (REFUSED, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_not_settled(amount: int) -> None:
    """INVALID_AMOUNT, before anybody is asked."""
    World().ask(SettleGiftCardShare("mer_1", amount), KEY).then_refused("INVALID_AMOUNT")


@dataclass
class ShopEdge:
    """The edge of a service over one batch at a time: what `Edge` does for a call, a read and a wait."""

    shop: Shop

    async def ask(self, context: Any, request: Any, *, key: str, body: object) -> Any:
        """Decide at once."""
        return await self.shop.ask(key, body)

    async def awaited(self, saga_id: str, seconds: float, context: Any) -> Step:
        """Both books say yes."""
        await self.shop.settle()
        found = await look_for(DEFINITIONS, shown)(self.shop.connection, {saga_id: 0})
        return found.newer[0]

    async def keep(self, request: Any, told: Any, ended: Any) -> Any:
        """Nobody asks twice."""
        return ended

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """The one connection."""
        yield self.shop.connection


async def test_a_settlement_is_begun_awaited_and_read(shop: Shop) -> None:
    """Through the methods, the wire and the tables; what is saved is what is loaded."""
    edge: Any = ShopEdge(shop)
    service, context = MerchantServicer(edge), edge  # nothing asks the context
    request = pb.SettleGiftCardShareRequest(
        request_id="00000000-0000-4000-8000-000000000001", merchant_id="mer_1",
        amount=money_pb2.Money(minor_units=4_000, currency_code="CNY"),
    )

    begun = (await service.SettleGiftCardShare(request, context)).merchant_settlement
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    asked = pb.GetMerchantSettlementRequest(settlement_id=begun.settlement_id)
    read = await service.GetMerchantSettlement(asked, context)

    assert (begun.state, begun.settlement_id[:5]) == (pb.MERCHANT_SETTLEMENT_STATE_SETTLING, "saga_")
    assert (read.merchant_settlement.state, read.merchant_settlement.amount.minor_units) == (
        pb.MERCHANT_SETTLEMENT_STATE_SETTLED, 4_000)
    assert read.merchant_settlement.HasField("end_time")


async def test_a_caller_may_wait_for_the_end(shop: Shop) -> None:
    """`wait_timeout`; a settlement that is none is not found."""
    edge: Any = ShopEdge(shop)
    request = pb.SettleGiftCardShareRequest(
        request_id="00000000-0000-4000-8000-000000000002", merchant_id="mer_1",
        amount=money_pb2.Money(minor_units=1, currency_code="CNY"),
    )
    request.wait_timeout.seconds = 5

    done = (await MerchantServicer(edge).SettleGiftCardShare(request, edge)).merchant_settlement

    assert done.state == pb.MERCHANT_SETTLEMENT_STATE_SETTLED
    unknown = pb.GetMerchantSettlementRequest(settlement_id="saga_x")
    with pytest.raises(NotFound, match="SETTLEMENT_NOT_FOUND"):
        await MerchantServicer(edge).GetMerchantSettlement(unknown, edge)
