"""Rows of the roots: credit accounts, merchant shares, payment
references. All are locked in id order before they are read."""

from collections.abc import Sequence

import asyncpg

from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.kernel.participant import Pending
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

ACCOUNT_COLUMNS = """id, customer_id, state, opened_at, granted_minor, held_minor, used_minor, wallet_minor,
    credit_balance_minor, receivable_minor, bill_day, due_day, late_fee_ppm_per_day, surplus_policy, next_cut_at,
    last_bill_date, stated_operations, shipments, operations, sequence, pending_saga_id, pending_tried_at, version,
    events_head, operations_head"""


def account_of(row: asyncpg.Record) -> CreditAccount:
    """The account in a row of `ACCOUNT_COLUMNS`."""
    return CreditAccount(
        id=row["id"], customer_id=row["customer_id"], state=AccountState(row["state"]), opened_at=row["opened_at"],
        granted_minor=row["granted_minor"], held_minor=row["held_minor"], used_minor=row["used_minor"],
        wallet_minor=row["wallet_minor"], credit_balance_minor=row["credit_balance_minor"],
        receivable_minor=row["receivable_minor"], bill_day=row["bill_day"], due_day=row["due_day"],
        late_fee_ppm_per_day=row["late_fee_ppm_per_day"], surplus_policy=SurplusPolicy(row["surplus_policy"]),
        next_cut_at=row["next_cut_at"], last_bill_date=row["last_bill_date"],
        stated_operations=row["stated_operations"], shipments=row["shipments"], operations=row["operations"],
        sequence=row["sequence"], pending=_pending_of(row), version=row["version"],
        events_head=row["events_head"], operations_head=row["operations_head"],
    )


def _pending_of(row: asyncpg.Record) -> Pending | None:
    saga_id = row["pending_saga_id"]
    return None if saga_id is None else Pending(saga_id, row["pending_tried_at"])


async def load_accounts(connection: Connection, keys: Sequence[str]) -> list[CreditAccount]:
    """Lock and read these accounts."""
    rows = await connection.fetch(
        f"select {ACCOUNT_COLUMNS} from credit_accounts where id = any($1::text[]) order by id for no key update", keys
    )
    return [account_of(row) for row in rows]


async def find_accounts(connection: Connection, keys: Sequence[str]) -> list[CreditAccount]:
    """Read these accounts without a lock, for a preview."""
    rows = await connection.fetch(f"select {ACCOUNT_COLUMNS} from credit_accounts where id = any($1::text[])", keys)
    return [account_of(row) for row in rows]


save_accounts = Saving(
    "credit_accounts",
    key="id",
    once=(*columns("text", "id", "customer_id"), column("opened_at", "timestamptz")),
    moving=(
        column("state", "text", "state.value"),
        *columns(
            "bigint", "granted_minor", "held_minor", "used_minor", "wallet_minor", "credit_balance_minor",
            "receivable_minor", "late_fee_ppm_per_day", "stated_operations", "shipments", "operations", "sequence",
            "version",
        ),
        *columns("smallint", "bill_day", "due_day"), column("surplus_policy", "text", "surplus_policy.value"),
        column("next_cut_at", "timestamptz"), column("last_bill_date", "date"),
        column("pending_saga_id", "text", lambda a: a.pending.saga_id if a.pending else None),
        column("pending_tried_at", "timestamptz", lambda a: a.pending.tried_at if a.pending else None),
        *columns("bytea", "events_head", "operations_head"),
    ),
)
"""Whose account it is and when it was opened never changes."""


_SHARE_COLUMNS = "id, merchant_id, payable_minor, receivable_minor, sequence, version, events_head"


async def load_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    """Lock and read these shares. One that is missing is inserted
    empty first: accounts of several lanes may meet in it."""
    shares = await _lock_merchant_shares(connection, keys)
    missing = sorted(set(keys) - {share.id for share in shares})
    if missing:
        await connection.execute(
            f"""insert into merchant_shares ({_SHARE_COLUMNS})
                select key, regexp_replace(key, '/[^/]*$', ''), 0, 0, 0, 0, '' from unnest($1::text[]) key
                on conflict (id) do nothing""",
            missing,
        )
        shares += await _lock_merchant_shares(connection, missing)
    return shares


async def _lock_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    rows = await connection.fetch(
        f"select {_SHARE_COLUMNS} from merchant_shares where id = any($1::text[]) order by id for no key update", keys
    )
    return [_share_of(row) for row in rows]


async def find_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    """Read these shares without a lock, for a preview."""
    rows = await connection.fetch(f"select {_SHARE_COLUMNS} from merchant_shares where id = any($1::text[])", keys)
    return [_share_of(row) for row in rows]


def _share_of(row: asyncpg.Record) -> MerchantShare:
    return MerchantShare(
        id=row["id"], merchant_id=row["merchant_id"], payable_minor=row["payable_minor"],
        receivable_minor=row["receivable_minor"], sequence=row["sequence"], version=row["version"],
        events_head=row["events_head"],
    )


save_merchant_shares = Saving(
    "merchant_shares",
    key="id",
    once=columns("text", "id", "merchant_id"),
    moving=(
        *columns("bigint", "payable_minor", "receivable_minor", "sequence", "version"), column("events_head", "bytea"),
    ),
    sealed=True,
)
"""A share that is saved was found: loading it made its row."""


async def load_payment_references(connection: Connection, keys: Sequence[str]) -> list[PaymentReference]:
    """Lock and read these references. One that is missing is inserted as nobody's first: two orders may race for it."""
    found = await _lock_payment_references(connection, keys)
    missing = sorted(set(keys) - {reference.id for reference in found})
    if missing:
        await connection.execute(
            """insert into payment_references (id, order_id, version) select key, '', 0 from unnest($1::text[]) key
               on conflict (id) do nothing""",
            missing,
        )
        found += await _lock_payment_references(connection, missing)
    return found


async def _lock_payment_references(connection: Connection, keys: Sequence[str]) -> list[PaymentReference]:
    rows = await connection.fetch(
        """select id, order_id, version from payment_references where id = any($1::text[])
           order by id for no key update""",
        keys,
    )
    return [PaymentReference(row["id"], row["order_id"], row["version"]) for row in rows]


save_payment_references = Saving(
    "payment_references",
    key="id",
    once=columns("text", "id"),
    moving=(column("order_id", "text"), column("version", "bigint")),
)
"""A reference that is saved was found: loading it made its row."""
