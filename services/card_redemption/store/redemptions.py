"""Rows of redemptions and of the freeze cases of their codes."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.order import FraudReport, Payout, RedemptionOrder, Voucher
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.submitting import FreezeCase
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

REDEMPTION_COLUMNS = """id, card_id, customer_id, account_id, terms, declared_minor, face_minor, entry, method,
    instrument, state, accepted_at, updated_at, settlement_id, reason, verify_at, cancel_requested_at, cancel_fee_minor,
    evidence, scheduled_at, deadline, verified_at, settled_at, agreement_id, payouts, voucher, fraud, frozen_from,
    channel_fee_minor, remitted_minor, claimed_minor, adjusted_minor, verification_code, version"""
_CASE = "id, card_id, redemption_id, submitted_by, opened_at, due_on, version"
_TERMS = msgspec.json.Decoder(ChannelPolicy)
_PAYOUTS = msgspec.json.Decoder(tuple[Payout, ...])
_PAPERS = msgspec.json.Decoder(tuple[str, ...])
_VOUCHER = msgspec.json.Decoder(Voucher)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_FRAUD = msgspec.json.Decoder(FraudReport)
_encode = msgspec.json.encode


def _encoded(value: object) -> bytes | None:
    """A value in JSON; none is no value of the column."""
    return None if value is None else _encode(value)


def envelope_of(sealed: bytes | None) -> Envelope | None:
    """The envelope in a column."""
    return None if sealed is None else _ENVELOPE.decode(sealed)


def redemption_of(row: asyncpg.Record) -> RedemptionOrder:
    """The redemption in a row."""
    frozen_from, voucher, fraud = (row[name] for name in ("frozen_from", "voucher", "fraud"))
    return RedemptionOrder(
        id=row["id"], card_id=row["card_id"], customer_id=row["customer_id"], account_id=row["account_id"],
        terms=_TERMS.decode(row["terms"]), declared_minor=row["declared_minor"], face_minor=row["face_minor"],
        entry=EntryChannel(row["entry"]), method=PayoutMethod(row["method"]), instrument=row["instrument"],
        state=RedemptionState(row["state"]), accepted_at=row["accepted_at"], updated_at=row["updated_at"],
        settlement_id=row["settlement_id"], reason=row["reason"], verify_at=row["verify_at"],
        cancel_requested_at=row["cancel_requested_at"], cancel_fee_minor=row["cancel_fee_minor"],
        evidence=_PAPERS.decode(row["evidence"]), scheduled_at=row["scheduled_at"], deadline=row["deadline"],
        verified_at=row["verified_at"], settled_at=row["settled_at"], agreement_id=row["agreement_id"],
        payouts=_PAYOUTS.decode(row["payouts"]), voucher=None if voucher is None else _VOUCHER.decode(voucher),
        fraud=None if fraud is None else _FRAUD.decode(fraud),
        frozen_from=None if frozen_from is None else RedemptionState(frozen_from),
        channel_fee_minor=row["channel_fee_minor"], remitted_minor=row["remitted_minor"],
        claimed_minor=row["claimed_minor"], adjusted_minor=row["adjusted_minor"], version=row["version"],
        verification_code=envelope_of(row["verification_code"]),
    )


async def load_redemptions(connection: Connection, keys: Sequence[str]) -> list[RedemptionOrder]:
    """Read these redemptions; their cards are locked already."""
    rows = await connection.fetch(
        f"select {REDEMPTION_COLUMNS} from redemption_orders where id = any($1::text[])", keys
    )
    return [redemption_of(row) for row in rows]


save_redemptions = Saving(
    "redemption_orders",
    key="id",
    once=(
        *columns("text", "id", "card_id", "customer_id"), column("terms", "json", lambda order: _encode(order.terms)),
    ),
    moving=(
        *columns("text", "account_id", "agreement_id"), column("entry", "text", "entry.value"),
        column("deadline", "timestamptz"),
        *columns(
            "bigint", "declared_minor", "face_minor", "cancel_fee_minor", "channel_fee_minor", "remitted_minor",
            "claimed_minor", "adjusted_minor", "version",
        ),
        column("method", "text", "method.value"), column("state", "text", "state.value"),
        *columns("text", "instrument", "settlement_id", "reason"),
        *columns(
            "timestamptz", "accepted_at", "updated_at", "verify_at", "cancel_requested_at", "scheduled_at",
            "verified_at", "settled_at",
        ),
        column("evidence", "json", lambda order: _encode(order.evidence)),
        column("payouts", "json", lambda order: _encode(order.payouts)),
        column("voucher", "json", lambda order: _encoded(order.voucher)),
        column("fraud", "json", lambda order: _encoded(order.fraud)),
        column("verification_code", "json", lambda order: _encoded(order.verification_code)),
        column("frozen_from", "text", lambda order: None if order.frozen_from is None else order.frozen_from.value),
    ),
    sealed=True,
)
"""Whose it is, of which card, and under which terms never changes. The columns stand in the order of their seals, which
every release keeps, so `agreement_id` and `entry` are among those that move."""


async def load_freeze_cases(connection: Connection, keys: Sequence[str]) -> list[FreezeCase]:
    """Read these cases; their cards are locked already."""
    rows = await connection.fetch(f"select {_CASE} from freeze_cases where id = any($1::text[])", keys)
    return [FreezeCase(**dict(row)) for row in rows]


save_freeze_cases = Saving(
    "freeze_cases",
    key="id",
    once=(
        *columns("text", "id", "card_id", "redemption_id", "submitted_by"), column("opened_at", "timestamptz"),
        column("due_on", "date"),
    ),
    moving=columns("bigint", "version"),
    sealed=True,
)
"""A case is opened, and that is all that is known of it here."""
