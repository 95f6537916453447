"""Rows of redemptions: payouts, the operators' switch that holds them, recycling channels and what they remitted."""

from collections.abc import Sequence

import asyncpg

from services.credit_ledger.domain.model.channel import RecyclingChannel, Remittance
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.runtime.ground.saving import Appending, Saving, column, columns
from services.runtime.ground.tables import Connection

PAYOUT_COLUMNS = """id, account_id, order_id, card_id, amount_minor, method, instrument, requested_at, state, moved_at,
    netted_minor, attempts, version"""
_SWITCH_COLUMNS = "id, paused, operator_id, reason, changed_at, sequence, version, events_head"
_CHANNEL_COLUMNS = "id, received_minor, sequence, version, events_head"


def payout_of(row: asyncpg.Record) -> RedemptionPayout:
    """The payout in a row of `PAYOUT_COLUMNS`."""
    return RedemptionPayout(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], card_id=row["card_id"],
        amount_minor=row["amount_minor"], method=PayoutMethod(row["method"]), instrument=row["instrument"],
        requested_at=row["requested_at"], state=PayoutState(row["state"]), moved_at=row["moved_at"],
        netted_minor=row["netted_minor"], attempts=row["attempts"], version=row["version"],
    )


async def load_payouts(connection: Connection, keys: Sequence[str]) -> list[RedemptionPayout]:
    """Read these payouts."""
    rows = await connection.fetch(f"select {PAYOUT_COLUMNS} from payouts where id = any($1::text[])", keys)
    return [payout_of(row) for row in rows]


async def list_payouts(
    connection: Connection, account_id: str, state: str, after: str, limit: int
) -> list[RedemptionPayout]:
    """Payouts by id, behind this one; of one account or in one state only, if these are given."""
    rows = await connection.fetch(
        f"""select {PAYOUT_COLUMNS} from payouts
            where ($1 = '' or account_id = $1) and ($2 = '' or state = $2) and id collate "C" > $3
            order by id collate "C" limit $4""",
        account_id, state, after, limit,
    )
    return [payout_of(row) for row in rows]


async def list_waiting(connection: Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """Payouts that wait, by id, behind this one, each with its account."""
    rows = await connection.fetch(
        """select id, account_id from payouts where state = 'WAITING' and id collate "C" > $1
           order by id collate "C" limit $2""",
        after, limit,
    )
    return [(row["id"], row["account_id"]) for row in rows]


save_payouts = Saving(
    "payouts",
    key="id",
    once=(
        *columns("text", "id", "account_id", "order_id", "card_id", "instrument"),
        column("method", "text", "method.value"), column("amount_minor", "bigint"),
        column("requested_at", "timestamptz"),
    ),
    moving=(
        column("state", "text", "state.value"), column("moved_at", "timestamptz"), column("attempts", "integer"),
        *columns("bigint", "netted_minor", "version"),
    ),
    sealed=True,
)
"""Of a known payout only its progress changes, never what it pays to whom."""


async def load_switches(connection: Connection, keys: Sequence[str]) -> list[PayoutSwitch]:
    """Read these switches. None is locked: every payout looks at the one there is, and must not wait for another; who
    moves it writes the version that was found, or decides again."""
    rows = await connection.fetch(f"select {_SWITCH_COLUMNS} from payout_switches where id = any($1::text[])", keys)
    return [PayoutSwitch(**row) for row in rows]


save_switches = Saving(
    "payout_switches",
    key="id",
    once=columns("text", "id"),
    moving=(
        column("paused", "boolean"), *columns("text", "operator_id", "reason"), column("changed_at", "timestamptz"),
        *columns("bigint", "sequence", "version"), column("events_head", "bytea"),
    ),
    sealed=True,
)
"""What it was before is in its events."""


async def load_channels(connection: Connection, keys: Sequence[str]) -> list[RecyclingChannel]:
    """Lock and read these channels."""
    rows = await connection.fetch(
        f"""select {_CHANNEL_COLUMNS} from recycling_channels where id = any($1::text[])
            order by id for no key update""",
        keys,
    )
    return [RecyclingChannel(**row) for row in rows]


save_channels = Saving(
    "recycling_channels",
    key="id",
    once=columns("text", "id"),
    moving=(*columns("bigint", "received_minor", "sequence", "version"), column("events_head", "bytea")),
    sealed=True,
)
"""A channel that remits for the first time is new."""


async def load_remittances(connection: Connection, keys: Sequence[str]) -> list[Remittance]:
    """Read these remittances."""
    rows = await connection.fetch(
        "select id, channel, number, version from remittances where id = any($1::text[])", keys
    )
    return [Remittance(**row) for row in rows]


save_remittances = Appending(
    "remittances", (*columns("text", "id", "channel"), *columns("bigint", "number", "version")),
)
"""Each is written once."""
