"""Rows of agreements: an order's hold and plans. The lists
travel as json, straight from and to the domain's own types."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, Plan
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

AGREEMENT_COLUMNS = """order_id, account_id, customer_id, merchant_id, state, payment_reference, written_off_minor,
    version, terms, hold, refunded, plans, charged_back_at"""

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
        charged_back_at=row["charged_back_at"],
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


save_agreements = Saving(
    "agreements",
    key="order_id",
    once=(
        *columns("text", "order_id", "account_id", "customer_id", "merchant_id", "payment_reference"),
        column("terms", "json", lambda a: _encode(a.terms)),
    ),
    moving=(
        column("state", "text", "state.value"), *columns("bigint", "written_off_minor", "version"),
        column("hold", "json", lambda a: _encode(a.hold)), column("refunded", "json", lambda a: _encode(a.refunded)),
        column("plans", "json", lambda a: _encode(a.plans)), column("charged_back_at", "timestamptz"),
        column("open", "boolean"),
    ),
)
"""Parties and terms are frozen at authorization."""
