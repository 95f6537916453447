"""Requests of redemptions, read."""

from datetime import datetime
from typing import Any

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.redemption import commands
from services.card_redemption.wire.policies import ASKERS, PAYOUTS
from services.kernel.errors import InvalidArgument
from services.kernel.money import amount
from services.runtime.ground.scalars import instant_from_wire
from settlement.card_redemption.v1 import redemption_service_pb2 as pb


def asker(number: int) -> Asker:
    """Who asks; nobody named is the customer."""
    return ASKERS.from_wire[number] if number else Asker.CUSTOMER


def method(number: int) -> PayoutMethod | None:
    """How to be paid, if that is said."""
    return PAYOUTS.from_wire[number] if number else None


def request_cancel(request: pb.RequestCancelRequest) -> commands.RequestCancel:
    """Take it back. Support says who it is, a customer whose it is."""
    who = asker(request.asker)
    if who is Asker.CUSTOMER and not request.customer_id:
        raise InvalidArgument("INVALID_ARGUMENT", "a customer says who he is", {"field": "customer_id"})
    if who is Asker.SUPPORT and not request.operator_id:
        raise InvalidArgument("INVALID_ARGUMENT", "an operator says who he is", {"field": "operator_id"})
    return commands.RequestCancel(
        redemption_id=request.redemption_id, customer_id=request.customer_id, asker=who,
        operator_id=request.operator_id, evidence=tuple(request.evidence),
    )


def edit_schedule(request: pb.EditScheduleRequest) -> commands.EditSchedule:
    """Change a schedule."""
    return commands.EditSchedule(
        redemption_id=request.redemption_id, customer_id=request.customer_id,
        scheduled_at=instant_or_none(request, "schedule_time"),
        declared_minor=amount_or_none(request, "declared", "a face"),
        method=method(request.method), instrument=request.instrument,
    )


def instant_or_none(request: Any, field: str) -> datetime | None:  # Any: requests of several kinds
    """An instant of a request, if it is there."""
    return instant_from_wire(getattr(request, field)) if request.HasField(field) else None


def amount_or_none(request: Any, field: str, what: str) -> int | None:  # Any: as above
    """An amount of a request, if it is there: 0 is one."""
    return amount(getattr(request, field).minor_units, what) if request.HasField(field) else None
