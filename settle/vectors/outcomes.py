"""How the product's answers translate into the page's codes: one table, one to one, nothing derived.

A reason that the table does not know for an event is no outcome: the case could not be played.
"""

from collections.abc import Mapping

from settle.client.calls import Rejected

OK = "OK"

_SHIPMENT = {
    "ORDER_ALREADY_SHIPPED": "ORDER_ALREADY_SHIPPED",
    "ORDER_CANCELLED": "ORDER_CANCELLED",
    "ORDER_STATE": "BAD_STATE",
    "ORDER_NOT_FOUND": "BAD_STATE",
}

CODES: Mapping[str, Mapping[str, str]] = {
    "AUTHORIZE": {"ORDER_EXISTS": "BAD_STATE", "INSUFFICIENT_LIMIT": "INSUFFICIENT_LIMIT"},
    "CANCEL": _SHIPMENT,
    "SHIP": _SHIPMENT,
    "REFUND": {
        "REQUEST_ID_REUSED": "IDEMPOTENCY_CONFLICT",
        "ORDER_NOT_SHIPPED": "BAD_STATE",
        "ORDER_CANCELLED": "BAD_STATE",
        "ORDER_STATE": "BAD_STATE",
        "ORDER_NOT_FOUND": "BAD_STATE",
        "QUANTITY_EXCEEDS_BOUGHT": "OVER_RETURN",
        "REFUND_EXCEEDS_REMAINING": "OVER_REFUND",
    },
    "FLASH_CONFIRM": {"CHANNEL_TIMEOUT": "CHANNEL_TIMEOUT_MANUAL_ADJUSTMENT"},
    "MANUAL_ADJUST": {"FOUR_EYES": "FOUR_EYES"},
    "PAYOUT": {"EXCEEDS_CREDIT_BALANCE": "EXCEEDS_CREDIT_BALANCE"},
}


class NotPlayed(Exception):
    """The case could not be played; the text is the reason."""


def code_of(event_type: str, rejection: Rejected) -> str:
    """The page's code for a refusal of this event."""
    known = CODES.get(event_type, {})
    if rejection.reason not in known:
        raise NotPlayed(f"{event_type} was refused with {rejection.reason} {rejection.detail}".rstrip())
    return f"REJECT:{known[rejection.reason]}"
