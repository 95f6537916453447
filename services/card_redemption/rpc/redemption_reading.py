"""What methods of redemptions read and wait for: a redemption that is new enough, and the end of its settlement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.recycling.windows import CanCancel
from services.card_redemption.domain.redemption.cancelling import asked_alone, is_capped, within_cap
from services.card_redemption.domain.redemption.order import RedemptionOrder, owned
from services.card_redemption.store.redeemers import find_cancelled
from services.card_redemption.store.redemption_reads import find_cards_of, find_redemption
from services.card_redemption.wire.redemptions import redemption
from services.runtime.ground.tables import Connection
from services.runtime.ground.together import Together
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.reading import new_enough, read_when
from settlement.card_redemption.v1 import redemption_pb2


async def read_redemption(
    edge: Edge, context: Context, redemption_id: str, customer_id: str = "", min_version: int = 0
) -> RedemptionOrder:
    """The redemption at `min_version` or later, if it is theirs."""

    async def look(connection: Connection) -> RedemptionOrder:
        order = owned(await find_redemption(connection, redemption_id), redemption_id, customer_id)
        return new_enough(order, min_version, "the redemption is at version")

    return await read_when(edge, context, look, key=redemption_id)


async def can_cancel(edge: Edge, order: RedemptionOrder, asker: Asker, at: datetime) -> CanCancel:
    """What the guard of the command says of an instant, and where a day's cap counts, that of its customer (RD-35)."""
    shown = asked_alone(order, asker, at)
    if not is_capped(order):
        return shown
    async with edge.read() as connection:
        return within_cap(shown, order, await find_cancelled(connection, order.customer_id), at)


def cards_of(edge: Edge) -> Together[str]:
    """Finds the cards of redemptions, for all calls that are looking for theirs."""

    async def look(redemption_ids: Sequence[str]) -> Mapping[str, str]:
        async with edge.read() as connection:
            return await find_cards_of(connection, redemption_ids)

    return Together(look)


async def card_of(cards: Together[str], redemption_id: str) -> str:
    """The card under which a redemption is decided. Where there is none its own id stands for one: that is refused when
    it is decided, and so the attempt is on record (RD-31)."""
    return await cards.find(redemption_id) or redemption_id


async def settled(
    edge: Edge, context: Context, request: Any, told: redemption_pb2.Redemption  # Any: requests with a wait_timeout
) -> redemption_pb2.Redemption:
    """The redemption once its settlements are over, which then is the stored answer; or as far as they come in the time
    that its caller waits. One may begin another: a payout that cannot be stopped is claimed from the customer."""
    if not request.HasField("wait_timeout"):
        return told
    seconds = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9
    now, waited = told, set[str]()
    while now.settlement_id and now.settlement_id not in waited:
        waited.add(now.settlement_id)
        step = await edge.awaited(now.settlement_id, seconds, context)
        order = await edge.seen(lambda connection: find_redemption(connection, told.redemption_id), 0.0, context)
        if step is None or not step.run.terminal or order is None:
            return now
        now = redemption(order)
    return now if now is told else await edge.keep(request, told, now)
