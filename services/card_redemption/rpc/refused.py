"""Calls that were refused before a lane decided them, as attempts: forged drafts and quotes, codes that are none, what
is somebody else's, ids that another request has (RD-31)."""

from datetime import datetime
from typing import Any

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel, kind_named
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.wire.record import CHANNELS
from services.card_redemption.wire.redemptions import ENTRIES
from services.runtime.ground.refused import RefusedCall
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write

METHODS = "/settlement.card_redemption.v1."
"""How the methods begin whose calls are on this record; operators' verbs have one of their own."""
MISNAMED = "ACTOR_MISMATCH"
"""Why a call is refused whose fields name somebody else than its token."""
_CUSTOMERS = ("customer_id", "receiver_id")
_HOUSE = ("operator_id", "supervisor_id", "checker", "maker", "reporter")
_ABOUT = ("redemption_id", "dispute_id", "agreement_id", "batch_id")


async def keep_refused(connection: Connection, call: RefusedCall, now: datetime) -> None:
    """Append the attempt that a call was, in the connection's transaction."""
    if call.method.startswith(METHODS):
        await write(connection, keep_attempts([attempt_of(call)], now))


def attempt_of(call: RefusedCall) -> Attempt:
    """The attempt, with nothing of the request but who, about what and under which id."""
    request: Any = call.request  # Any: one of many types
    by_house, by_customer = _first(request, _HOUSE), _first(request, _CUSTOMERS)
    named = call.subject if call.error.reason == MISNAMED else by_house or by_customer or call.subject
    return Attempt(
        kind=kind_named(call.method.rpartition("/")[2]), actor=named, channel=_channel(request, by_house),
        outcome=AttemptOutcome.DENIED, reason=call.error.reason, card_id=_first(request, ("card_id",)),
        order_id=_first(request, _ABOUT), request_id=request.request_id.lower(),
    )


def _first(request: Any, names: tuple[str, ...]) -> str:  # Any: one of many types
    """The first of these fields that the request has and fills."""
    fields = request.DESCRIPTOR.fields_by_name
    return next((value for name in names if name in fields and (value := getattr(request, name))), "")


def _channel(request: Any, by_house: str) -> EntryChannel:  # Any: one of many types
    fields = request.DESCRIPTOR.fields_by_name
    if "entry" in fields:
        return ENTRIES.from_wire[request.entry]
    if "channel" in fields and fields["channel"].enum_type is not None:
        return CHANNELS.from_wire[request.channel]
    return EntryChannel.SUPPORT if by_house else EntryChannel.APP
