"""Watching a redemption over a real database: each change once, until its end, by whoever made it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from services.card_redemption.rpc.following import Following
from services.card_redemption.rpc.redemption_service import RedemptionServicer
from services.card_redemption.store import TABLES
from services.kernel.errors import NotFound
from services.runtime.ground.writing import write
from settlement.card_redemption.v1 import redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import Redeeming

S = RedemptionState


async def save(cards: CardLedger, before: RedemptionOrder | None, after: RedemptionOrder) -> RedemptionOrder:
    """Commit a redemption as another process would: nobody here is told."""
    saves = {table.kind: table.save for table in TABLES}
    found = {} if before is None else {before.id: before.version}
    await write(cards.connection, *saves[RedemptionOrder]([after], found))
    return after


async def accepted(cards: CardLedger) -> RedemptionOrder:
    """A redemption that was accepted, with its card."""
    world = Redeeming()
    order = world.submitted()
    saves = {table.kind: table.save for table in TABLES}
    await write(cards.connection, *saves[GiftCard]([world.card_of()], {}))
    return await save(cards, None, order)


async def test_each_change_is_told_until_the_end(cards: CardLedger) -> None:
    """Settled is no end while the payout is on its way; what follows it at once may be told as one."""
    edge: Any = cards
    order = await accepted(cards)
    service = RedemptionServicer(edge)
    request = pb.WatchRedemptionRequest(redemption_id=order.id, customer_id="cus_1")
    watched = service.WatchRedemption(request, edge.context)
    told = [await anext(watched)]

    sent = (Payout("pay_1", 7_520, order.method, PayoutState.SENT),)
    settled = await save(cards, order, replace(order, state=S.SETTLED, payouts=sent, version=order.version + 2))
    told.append(await anext(watched))
    paid = (sent[0]._replace(state=PayoutState.PAID),)
    await save(cards, settled, replace(settled, state=S.COMPLETED, payouts=paid, version=settled.version + 1))
    told += [each async for each in watched]

    assert [(each.redemption.version, each.redemption.state) for each in told] == [
        (order.version, redemption_pb2.REDEMPTION_STATE_ACCEPTED),
        (order.version + 2, redemption_pb2.REDEMPTION_STATE_SETTLED),
        (order.version + 3, redemption_pb2.REDEMPTION_STATE_COMPLETED),
    ]


async def test_nobody_watches_what_is_not_his(cards: CardLedger) -> None:
    """Another's and none look alike."""
    edge: Any = cards
    order = await accepted(cards)
    following = Following(edge)

    for redemption_id, customer in ((order.id, "cus_2"), ("rdm_none", "cus_1")):
        with pytest.raises(NotFound, match="REDEMPTION_NOT_FOUND"):
            await anext(following.follow(redemption_id, customer))


async def test_what_is_over_is_told_once(cards: CardLedger) -> None:
    """And nothing is looked for any more once nobody watches."""
    edge: Any = cards
    before = asyncio.all_tasks()
    order = await accepted(cards)
    await save(cards, order, replace(order, state=S.CANCELLED, version=order.version + 1))
    following = Following(edge)

    told = [each.state async for each in following.follow(order.id, "")]

    assert told == [S.CANCELLED]
    assert asyncio.all_tasks() <= before
