"""Rows of money that came in or goes out: repayments, refunds that wait for the flash network, legs."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.credit_ledger.domain.model.leg import LegState, Rail, RefundLeg
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.tenders import Tenders
from services.runtime.ground.tables import Connection

LEG_COLUMNS = """id, account_id, order_id, refund_id, rail, reference, amount_minor, created_at, state, attempts,
    detail, updated_at, version"""
_REPAYMENT_COLUMNS = "id, account_id, number, received_at, amount_minor, instrument, given_back_minor, version"
_REFUND_COLUMNS = "id, account_id, order_id, merchant_id, tenders, state, accepted_at, posted_at, version"

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


async def save_repayments(connection: Connection, rows: Sequence[Repayment]) -> None:
    """Insert new repayments; of a known one only what was given back changes."""
    await connection.execute(
        f"""insert into repayments ({_REPAYMENT_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::text[],
                                 $7::bigint[], $8::bigint[])
            on conflict (id) do update set given_back_minor = excluded.given_back_minor, version = excluded.version""",
        [r.id for r in rows], [r.account_id for r in rows], [r.number for r in rows], [r.received_at for r in rows],
        [r.amount_minor for r in rows], [r.instrument for r in rows], [r.given_back_minor for r in rows],
        [r.version for r in rows],
    )


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


async def save_credit_refunds(connection: Connection, rows: Sequence[CreditRefund]) -> None:
    """Insert new refunds; of a known one only its state moves."""
    await connection.execute(
        f"""insert into credit_refunds ({_REFUND_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[], $6::text[],
                                 $7::timestamptz[], $8::timestamptz[], $9::bigint[])
            on conflict (id) do update
            set state = excluded.state, posted_at = excluded.posted_at, version = excluded.version""",
        [r.id for r in rows], [r.account_id for r in rows], [r.order_id for r in rows], [r.merchant_id for r in rows],
        [msgspec.json.encode(r.tenders) for r in rows], [r.state.value for r in rows], [r.accepted_at for r in rows],
        [r.posted_at for r in rows], [r.version for r in rows],
    )


def leg_of(row: asyncpg.Record) -> RefundLeg:
    """The leg in a row of `LEG_COLUMNS`."""
    return RefundLeg(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], refund_id=row["refund_id"],
        rail=Rail(row["rail"]), reference=row["reference"], amount_minor=row["amount_minor"],
        created_at=row["created_at"], state=LegState(row["state"]), attempts=row["attempts"], detail=row["detail"],
        updated_at=row["updated_at"], version=row["version"],
    )


async def load_legs(connection: Connection, keys: Sequence[str]) -> list[RefundLeg]:
    """Read these legs."""
    rows = await connection.fetch(f"select {LEG_COLUMNS} from legs where id = any($1::text[])", keys)
    return [leg_of(row) for row in rows]


async def load_open_legs(connection: Connection, roots: Sequence[str]) -> list[RefundLeg]:
    """Read the legs of these accounts that the rail has not paid."""
    rows = await connection.fetch(
        f"""select {LEG_COLUMNS} from legs
            where account_id = any($1::text[]) and state not in ('SETTLED', 'RECALLED', 'REROUTED')""",
        roots,
    )
    return [leg_of(row) for row in rows]


async def save_legs(connection: Connection, rows: Sequence[RefundLeg]) -> None:
    """Insert new legs; of a known one only its progress changes, never what it pays to whom."""
    await connection.execute(
        f"""insert into legs ({LEG_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                                 $8::timestamptz[], $9::text[], $10::integer[], $11::text[], $12::timestamptz[],
                                 $13::bigint[])
            on conflict (id) do update set state = excluded.state, attempts = excluded.attempts,
                detail = excluded.detail, updated_at = excluded.updated_at, version = excluded.version""",
        [leg.id for leg in rows], [leg.account_id for leg in rows], [leg.order_id for leg in rows],
        [leg.refund_id for leg in rows], [leg.rail.value for leg in rows], [leg.reference for leg in rows],
        [leg.amount_minor for leg in rows], [leg.created_at for leg in rows], [leg.state.value for leg in rows],
        [leg.attempts for leg in rows], [leg.detail for leg in rows], [leg.updated_at for leg in rows],
        [leg.version for leg in rows],
    )
