"""Queries of redemptions for callers. They lock nothing and answer what is committed."""

from collections.abc import Sequence
from datetime import datetime

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.store.redemptions import REDEMPTION_COLUMNS, envelope_of, redemption_of
from services.kernel.saga import Run
from services.runtime.ground.tables import Connection


async def find_redemption(connection: Connection, redemption_id: str) -> RedemptionOrder | None:
    """One redemption as it is, without a lock."""
    row = await connection.fetchrow(f"select {REDEMPTION_COLUMNS} from redemption_orders where id = $1", redemption_id)
    return redemption_of(row) if row else None


async def find_cards_of(connection: Connection, redemption_ids: Sequence[str]) -> dict[str, str]:
    """The cards of these redemptions, by redemption; it never changes whose it is."""
    rows = await connection.fetch(
        "select id, card_id from redemption_orders where id = any($1::text[])", redemption_ids
    )
    return {row[0]: row[1] for row in rows}


async def find_verification_code(connection: Connection, redemption_id: str) -> Envelope | None:
    """The digits that came with a redemption, sealed; None where they came with none, or are kept no more."""
    return envelope_of(await connection.fetchval(
        "select verification_code from redemption_orders where id = $1", redemption_id
    ))


async def versions_of(connection: Connection, redemption_ids: Sequence[str]) -> dict[str, int]:
    """How far these redemptions are."""
    rows = await connection.fetch(
        "select id, version from redemption_orders where id = any($1::text[])", redemption_ids
    )
    return {row["id"]: row["version"] for row in rows}


async def shown(connection: Connection, runs: Sequence[Run]) -> list[RedemptionOrder]:
    """What views of these sagas show beside them: their redemptions, not locked."""
    rows = await connection.fetch(
        f"select {REDEMPTION_COLUMNS} from redemption_orders where id = any($1::text[])",
        [run.plan.party.redemption_id for run in runs if hasattr(run.plan, "party")],
    )
    return [redemption_of(row) for row in rows]


async def list_redemptions(
    connection: Connection, customer_id: str, card_id: str, state: str, before: tuple[datetime, str], limit: int
) -> list[RedemptionOrder]:
    """Redemptions of a customer or of a card, the latest first, accepted before."""
    rows = await connection.fetch(
        f"""select {REDEMPTION_COLUMNS} from redemption_orders
            where ($1 = '' or customer_id = $1) and ($2 = '' or card_id = $2) and ($3 = '' or state = $3)
              and (accepted_at, id) < ($4, $5)
            order by accepted_at desc, id desc limit $6""",
        customer_id, card_id, state, *before, limit,
    )
    return [redemption_of(row) for row in rows]
