"""Rows of agreements: an order's hold and plans. The lists
travel as json, straight from and to the domain's own types."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, Plan
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.runtime.ground.tables import Connection

AGREEMENT_COLUMNS = """order_id, account_id, customer_id, merchant_id, state, payment_reference, written_off_minor,
    version, terms, hold, refunded, plans"""

_TERMS = msgspec.json.Decoder(CreditTerms)
_HOLD = msgspec.json.Decoder(Hold)
_TENDERS = msgspec.json.Decoder(Tenders)
_PLANS = msgspec.json.Decoder(tuple[Plan, ...])
_encode = msgspec.json.Encoder().encode


def agreement_of(row: asyncpg.Record) -> Agreement:
    """The agreement in a row of `AGREEMENT_COLUMNS`."""
    return Agreement(
        order_id=row["order_id"], account_id=row["account_id"], customer_id=row["customer_id"],
        merchant_id=row["merchant_id"], state=AgreementState(row["state"]),
        payment_reference=row["payment_reference"], written_off_minor=row["written_off_minor"],
        version=row["version"], terms=_TERMS.decode(row["terms"]), hold=_HOLD.decode(row["hold"]),
        refunded=_TENDERS.decode(row["refunded"]), plans=_PLANS.decode(row["plans"]),
    )


async def load_agreements(connection: Connection, keys: Sequence[str]) -> list[Agreement]:
    """Read the agreements of these orders."""
    rows = await connection.fetch(f"select {AGREEMENT_COLUMNS} from agreements where order_id = any($1::text[])", keys)
    return [agreement_of(row) for row in rows]


async def load_open_agreements(connection: Connection, roots: Sequence[str]) -> list[Agreement]:
    """Read the agreements of these accounts on which something may still be billed, paid or accrued."""
    rows = await connection.fetch(
        f"select {AGREEMENT_COLUMNS} from agreements where account_id = any($1::text[]) and open", roots
    )
    return [agreement_of(row) for row in rows]


async def save_agreements(connection: Connection, rows: Sequence[Agreement]) -> None:
    """Insert new agreements, update known ones; parties and terms are frozen at authorization."""
    await connection.execute(
        f"""insert into agreements ({AGREEMENT_COLUMNS}, open)
            select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                                 $8::bigint[], $9::json[], $10::json[], $11::json[], $12::json[], $13::boolean[])
            on conflict (order_id) do update set state = excluded.state, written_off_minor = excluded.written_off_minor,
                version = excluded.version, hold = excluded.hold, refunded = excluded.refunded, plans = excluded.plans,
                open = excluded.open""",
        [a.order_id for a in rows], [a.account_id for a in rows], [a.customer_id for a in rows],
        [a.merchant_id for a in rows], [a.state.value for a in rows], [a.payment_reference for a in rows],
        [a.written_off_minor for a in rows], [a.version for a in rows], [_encode(a.terms) for a in rows],
        [_encode(a.hold) for a in rows], [_encode(a.refunded) for a in rows], [_encode(a.plans) for a in rows],
        [a.open for a in rows],
    )
