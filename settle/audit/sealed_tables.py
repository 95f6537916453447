"""The tables whose rows are sealed, with what their seals are over; a test holds them to what the services seal."""

from dataclasses import replace

from settle.audit.findings import CARD, CREDIT, ORDER
from settle.audit.sealed import Sealed

SAGAS = Sealed(
    ORDER, "sagas", "id", "root", made=("id", "plan"), columns=(
        "id", "root", "kind", "definition_version", "started_at", "deadline_at", "phase", "decision", "reason",
        "attempts", "version", "updated_at", "branches",
    ),
)
DIGESTS = Sealed(
    ORDER, "saga_digests", "id", "root", columns=(
        "id", "root", "kind", "definition_version", "phase", "decision", "reason", "started_at", "ended_at", "version",
        "plan", "branches",
    ),
)
BOTH = (SAGAS, DIGESTS)
ACTS = Sealed(
    ORDER, "operator_acts", "request_id", "request_id",
    columns=("request_id", "act", "target", "operator_id", "reason", "acted_at"),
)
ANSWERS = Sealed(
    ORDER, "inbox", "message_id", "message_id",
    columns=("message_id", "verdict", "type", "decided_at", "encode(body_hash, 'hex')", "outcome"),
)
PARKED = Sealed(
    ORDER, "parked", "id", "id", columns=(
        "source", "key", "message_id", "headers", "reason", "detail", "parked_at", "state", "resolved_at",
        "resolution", "payload",
    ),
)
ORDERS = Sealed(
    ORDER, "orders", "id", "id", columns=(
        "id", "customer_id", "merchant_id", "account_id", "placed_at", "state", "settlement_id", "version", "sequence",
        "updated_at", "hold_expires_at", "lines", "tenders", "coupon", "refunds", "details", "events_head",
    ),
)
CASES = Sealed(
    ORDER, "return_cases", "id", "order_id", made=("id", "lines"), columns=(
        "id", "order_id", "requested_at", "state", "settlement_id", "version", "updated_at", "deadline_at", "accepted",
        "details",
    ),
)
WITH_MERCHANTS = Sealed(
    ORDER, "merchant_settlements", "id", "id", columns=(
        "id", "merchant_id", "settlement_id", "amount_minor", "started_at", "state", "reason", "ended_at", "version",
    ),
)
REFUND_DAYS = Sealed(
    ORDER, "refund_days", "id", "id", columns=("id", "day", "refunds", "amount_minor", "version"),
)
LEGS = Sealed(
    CREDIT, "legs", "id", "account_id", columns=(
        "id", "account_id", "order_id", "refund_id", "reference", "payout_id", "rail", "amount_minor", "created_at",
        "state",
        "attempts", "detail", "updated_at", "moved_at", "word", "ended", "reversed", "counted_minor", "used_minor",
        "version",
    ),
)
SHARES = Sealed(
    CREDIT, "merchant_shares", "id", "id", columns=(
        "id", "merchant_id", "payable_minor", "receivable_minor", "sequence", "version", "events_head",
    ),
)
COMPARISONS = Sealed(
    CREDIT, "reconciliations", "id", "id", columns=(
        "id", "state", "cursor", "after_key", "run", "compared", "found", "started_at", "ended_at", "sequence",
        "version", "events_head",
    ),
)
DIFFERENCES = Sealed(
    CREDIT, "rail_differences", "key", "reconciliation_id", columns=(
        "key", "reconciliation_id", "kind", "account_id", "reference", "leg_minor", "rail_minor", "detail",
        "opened_at", "seen_at", "resolved_at", "version",
    ),
)
TENDERS = Sealed(
    CARD, "card_tenders", "order_id", "card_id", columns=(
        "order_id", "card_id", "merchant_id", "deposited_minor", "returned_minor", "captured_minor", "covering_minor",
        "version", "refunds", "pending_saga_id", "pending_tried_at",
    ),
)
GIFT_CARDS = Sealed(
    CARD, "gift_cards", "id", "id", columns=(
        "id", "issuer", "purchaser_id", "purchase", "face_minor", "issued_at", "balance_minor", "held_minor",
        "sequence", "version", "code_number", "customer_id", "standing", "claimed_by", "frozen_from", "frozen_for",
        "handed_to", "events_head",
    ),
)
CODES = Sealed(
    CARD, "card_codes", "blind_index", "card_id",
    columns=("blind_index", "card_id", "last4", "number", "version", "sealed"),
)
CARD_SHARES = Sealed(
    CARD, "merchant_shares", "id", "id", columns=(
        "id", "merchant_id", "payable_minor", "settling_minor", "refunding_minor", "sequence", "version",
        "pending_saga_id", "pending_tried_at", "events_head",
    ),
)
PAYOUTS = Sealed(
    CREDIT, "payouts", "id", "account_id", columns=(
        "id", "account_id", "order_id", "card_id", "instrument", "method", "amount_minor", "requested_at", "state",
        "moved_at", "attempts", "netted_minor", "version",
    ),
)
SWITCHES = Sealed(
    CREDIT, "payout_switches", "id", "id", columns=(
        "id", "paused", "operator_id", "reason", "changed_at", "sequence", "version", "events_head",
    ),
)
RECYCLERS = Sealed(
    CREDIT, "recycling_channels", "id", "id",
    columns=("id", "received_minor", "sequence", "version", "events_head"),
)
REDEMPTIONS = Sealed(
    CARD, "redemption_orders", "id", "card_id", made=("id", "terms"), columns=(
        "id", "card_id", "customer_id", "account_id", "agreement_id", "entry", "deadline", "declared_minor",
        "face_minor", "cancel_fee_minor", "channel_fee_minor", "remitted_minor", "claimed_minor", "adjusted_minor",
        "version", "method", "state", "instrument", "settlement_id", "reason", "accepted_at", "updated_at", "verify_at",
        "cancel_requested_at", "scheduled_at", "verified_at", "settled_at", "evidence", "payouts", "voucher", "fraud",
        "verification_code", "frozen_from",
    ),
)
FREEZE_CASES = Sealed(
    CARD, "freeze_cases", "id", "card_id",
    columns=("id", "card_id", "redemption_id", "submitted_by", "opened_at", "due_on", "version"),
)
REDEEMERS = Sealed(
    CARD, "redeemers", "id", "id", columns=(
        "id", "completed", "version", "restricted", "cases", "cancelled_day", "cancelled_minor", "pending_saga_id",
        "pending_tried_at",
    ),
)
CHANNELS = Sealed(
    CARD, "channels", "id", "id",
    columns=("id", "in_force", "proposals", "sequence", "version", "proposal", "events_head"),
)
CALENDARS = Sealed(
    CARD, "calendars", "id", "id", columns=(
        "id", "year", "number", "proposals", "sequence", "version", "exceptions", "proposed_by", "approved_by",
        "since", "proposal", "events_head",
    ),
)
DISPUTES = Sealed(
    CARD, "disputes", "id", "card_id", columns=(
        "id", "card_id", "redemption_id", "customer_id", "opened_by", "type", "method", "opened_at", "claimed_minor",
        "vip", "attempts", "rank", "updated_at", "route", "state", "remedy", "lateness", "complaint", "let_in_by",
        "handler", "police_case", "reason", "verdict", "papers", "deciders", "target_on", "due_on", "granted_minor",
        "version",
    ),
)
VERSIONS = Sealed(
    CARD, "channel_versions", "channel || '@' || number", "channel",
    columns=("channel", "number", "terms", "proposed_by", "approved_by", "since"),
)
AGREEMENTS = Sealed(
    CARD, "enterprise_agreements", "id", "id", columns=(
        "id", "customer_id", "number", "proposals", "redeemed_minor", "sequence", "version", "terms", "proposed_by",
        "approved_by", "since", "year", "proposal", "events_head",
    ),
)
YEARS = Sealed(
    CARD, "agreement_years", "id", "agreement_id", columns=("id", "agreement_id", "year", "redeemed_minor", "version"),
)
BATCHES = Sealed(
    CARD, "revocation_batches", "id", "agreement_id",
    columns=("id", "agreement_id", "requested_at", "items", "version"),
)
OF_RUNTIME = (ANSWERS, PARKED, ACTS)
OF_ORDERS = (ORDERS, CASES, WITH_MERCHANTS, REFUND_DAYS)
OF_CREDIT = (LEGS, SHARES, COMPARISONS, DIFFERENCES, PAYOUTS, SWITCHES, RECYCLERS)
OF_CARDS = (
    TENDERS, GIFT_CARDS, CODES, CARD_SHARES, REDEMPTIONS, FREEZE_CASES, REDEEMERS, CHANNELS, VERSIONS, CALENDARS,
    AGREEMENTS, YEARS, BATCHES, DISPUTES,
)
WALKED = (
    *(("order", each) for each in (ORDERS, CASES, *BOTH)),
    *(("merchant settlement", each) for each in (WITH_MERCHANTS, *BOTH)),
    ("refund day", REFUND_DAYS),
    *(("account", each) for each in (LEGS, PAYOUTS)), ("share", SHARES),
    *(("reconciliation", each) for each in (COMPARISONS, DIFFERENCES)), ("switch", SWITCHES), ("channel", RECYCLERS),
    *(("card", each) for each in (TENDERS, GIFT_CARDS, CODES, REDEMPTIONS, FREEZE_CASES, DISPUTES)),
    *(("card", replace(each, service=CARD)) for each in BOTH),
    ("share", CARD_SHARES), ("redeemer", REDEEMERS), ("calendar", CALENDARS),
    *(("channel", each) for each in (CHANNELS, VERSIONS)),
    *(("agreement", each) for each in (AGREEMENTS, YEARS, BATCHES)),
)
"""The tables whose rows belong to aggregates, by the kind of these."""
