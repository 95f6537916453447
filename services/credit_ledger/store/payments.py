"""Rows of money that came in or goes out: repayments, refunds that wait for the flash network, legs."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.credit_ledger.domain.model.leg import LegEnd, LegState, Rail, RailWord, RefundLeg
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.tenders import Tenders
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

LEG_COLUMNS = """id, account_id, order_id, refund_id, rail, reference, amount_minor, created_at, state, attempts,
    detail, updated_at, version, word, ended, moved_at, reversed, counted_minor, used_minor, payout_id"""
_REPAYMENT_COLUMNS = "id, account_id, number, received_at, amount_minor, instrument, given_back_minor, version"
_REFUND_COLUMNS = "id, account_id, order_id, merchant_id, tenders, state, accepted_at, posted_at, version"

_OLD_END = {LegState.REROUTED: LegEnd.REROUTED}
_BY_HAND = "settled by hand: "

_TENDERS = msgspec.json.Decoder(Tenders)


def _repayment_of(row: asyncpg.Record) -> Repayment:
    return Repayment(
        id=row["id"], account_id=row["account_id"], number=row["number"], received_at=row["received_at"],
        amount_minor=row["amount_minor"], instrument=row["instrument"], given_back_minor=row["given_back_minor"],
        version=row["version"],
    )


async def load_repayments(connection: Connection, keys: Sequence[str]) -> list[Repayment]:
    """Read these repayments."""
    rows = await connection.fetch(f"select {_REPAYMENT_COLUMNS} from repayments where id = any($1::text[])", keys)
    return [_repayment_of(row) for row in rows]


async def load_open_repayments(connection: Connection, roots: Sequence[str]) -> list[Repayment]:
    """Read the repayments of these accounts of which something may still be given back."""
    rows = await connection.fetch(
        f"""select {_REPAYMENT_COLUMNS} from repayments
            where account_id = any($1::text[]) and given_back_minor < amount_minor""",
        roots,
    )
    return [_repayment_of(row) for row in rows]


save_repayments = Saving(
    "repayments",
    key="id",
    once=(
        *columns("text", "id", "account_id", "instrument"), *columns("bigint", "number", "amount_minor"),
        column("received_at", "timestamptz"),
    ),
    moving=columns("bigint", "given_back_minor", "version"),
)
"""Of a known repayment only what was given back changes."""


def _refund_of(row: asyncpg.Record) -> CreditRefund:
    return CreditRefund(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], merchant_id=row["merchant_id"],
        tenders=_TENDERS.decode(row["tenders"]), state=RefundState(row["state"]), accepted_at=row["accepted_at"],
        posted_at=row["posted_at"], version=row["version"],
    )


async def load_credit_refunds(connection: Connection, keys: Sequence[str]) -> list[CreditRefund]:
    """Read these refunds."""
    rows = await connection.fetch(f"select {_REFUND_COLUMNS} from credit_refunds where id = any($1::text[])", keys)
    return [_refund_of(row) for row in rows]


async def load_open_credit_refunds(connection: Connection, roots: Sequence[str]) -> list[CreditRefund]:
    """Read the refunds of these accounts whose credit side is still to be posted."""
    rows = await connection.fetch(
        f"""select {_REFUND_COLUMNS} from credit_refunds
            where account_id = any($1::text[]) and state in ('PENDING_CHANNEL', 'EXCEPTION')""",
        roots,
    )
    return [_refund_of(row) for row in rows]


save_credit_refunds = Saving(
    "credit_refunds",
    key="id",
    once=(
        *columns("text", "id", "account_id", "order_id", "merchant_id"), column("accepted_at", "timestamptz"),
        column("tenders", "json", lambda r: msgspec.json.encode(r.tenders)),
    ),
    moving=(column("state", "text", "state.value"), column("posted_at", "timestamptz"), column("version", "bigint")),
)
"""Of a known refund only its state moves."""


def leg_of(row: asyncpg.Record) -> RefundLeg:
    """The leg in a row of `LEG_COLUMNS`; what older code wrote means what it meant."""
    state, detail = LegState(row["state"]), row["detail"]
    end = LegEnd(row["ended"]) or _OLD_END.get(state, LegEnd.BY_HAND if _BY_HAND in detail else LegEnd.NONE)
    paid = state is LegState.SETTLED and (end is LegEnd.NONE or detail.startswith("paid twice"))
    return RefundLeg(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], refund_id=row["refund_id"],
        rail=Rail(row["rail"]), reference=row["reference"], amount_minor=row["amount_minor"],
        created_at=row["created_at"], state=state, attempts=row["attempts"], detail=detail,
        updated_at=row["updated_at"], version=row["version"],
        word=RailWord.PAID if paid else RailWord(row["word"] or RailWord.SILENT), end=end, moved_at=row["moved_at"],
        reversed=row["reversed"] or (state is LegState.RECALLED and end is not LegEnd.REPLACED),
        counted_minor=row["counted_minor"],
        used_minor=row["used_minor"], payout_id=row["payout_id"],
    )


async def load_legs(connection: Connection, keys: Sequence[str]) -> list[RefundLeg]:
    """Read these legs."""
    rows = await connection.fetch(f"select {LEG_COLUMNS} from legs where id = any($1::text[])", keys)
    return [leg_of(row) for row in rows]


async def load_open_legs(connection: Connection, roots: Sequence[str]) -> list[RefundLeg]:
    """Read the legs of these accounts that are on their way, or were taken back though the rail paid or may pay
    (PM-7)."""
    rows = await connection.fetch(
        f"""select {LEG_COLUMNS} from legs where account_id = any($1::text[]) and
            (reversed or state in ('PENDING', 'SENT', 'UNKNOWN', 'ACCEPTED', 'EXCEPTION', 'WAITING', 'RECALLED'))""",
        roots,
    )
    return [leg for leg in map(leg_of, rows) if leg.open]


save_legs = Saving(
    "legs",
    key="id",
    once=(
        *columns("text", "id", "account_id", "order_id", "refund_id", "reference", "payout_id"),
        column("rail", "text", "rail.value"), column("amount_minor", "bigint"), column("created_at", "timestamptz"),
    ),
    moving=(
        column("state", "text", "state.value"), column("attempts", "integer"), column("detail", "text"),
        *columns("timestamptz", "updated_at", "moved_at"), column("word", "text", "word.value"),
        column("ended", "text", "end.value"), column("reversed", "boolean"),
        *columns("bigint", "counted_minor", "used_minor", "version"),
    ),
    sealed=True,
)
"""Of a known leg only its progress changes, never what it pays to whom."""
