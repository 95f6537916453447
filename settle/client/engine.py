"""The public API of a running engine, as the runner uses it: stubs, the manual clock, and the wait for rest."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from settle.client.outcomes import NotPlayed, Rejected
from settlement.card_redemption.v1 import card_service_pb2_grpc
from settlement.credit_ledger.v1 import (
    adjustment_service_pb2_grpc,
    credit_service_pb2_grpc,
    statement_service_pb2_grpc,
)
from settlement.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from settlement.order.v1 import after_sale_service_pb2_grpc, merchant_service_pb2_grpc, order_service_pb2_grpc

SERVICES = ("order", "credit_ledger", "card_redemption")
CALL_SECONDS = 30.0
REST_SECONDS = 20.0
CALM_SWEEPS = 2
"""So many times in a row every service has to say that it is idle: a message may be between two of them."""
POLL_SECONDS = 0.004
COUNTS = ("queued", "open_sagas", "due_timers", "unpublished", "lag")
"""What a service counts as under way."""
_REFUSALS = frozenset(
    {
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)


class Engine:
    """Connected to the three services; `targets` are their addresses by name."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        missing = [name for name in SERVICES if name not in targets]
        if missing:
            raise NotPlayed(f"no address for {', '.join(missing)}")
        self._channels = {name: grpc.aio.insecure_channel(targets[name]) for name in SERVICES}
        order, credit = self._channels["order"], self._channels["credit_ledger"]
        self.orders = order_service_pb2_grpc.OrderServiceStub(order)
        self.after_sale = after_sale_service_pb2_grpc.AfterSaleServiceStub(order)
        self.merchants = merchant_service_pb2_grpc.MerchantServiceStub(order)
        self.credit = credit_service_pb2_grpc.CreditServiceStub(credit)
        self.statements = statement_service_pb2_grpc.StatementServiceStub(credit)
        self.adjustments = adjustment_service_pb2_grpc.AdjustmentServiceStub(credit)
        self.cards = card_service_pb2_grpc.CardServiceStub(self._channels["card_redemption"])
        self._operations = {
            name: operations_service_pb2_grpc.OperationsServiceStub(channel) for name, channel in self._channels.items()
        }
        self._parked = 0
        self._stuck: dict[str, tuple[int, ...]] = {}

    async def close(self) -> None:
        """Give the connections back."""
        for channel in self._channels.values():
            await channel.close()

    async def begin(self) -> None:
        """Note what was parked before the run: it is not this run's fault."""
        self._parked = sum(found.parked for found in await self._activity())

    async def set_clock(self, at: datetime) -> None:
        """Move every service to this instant."""
        instant = Timestamp()
        instant.FromDatetime(at)
        request = operations_service_pb2.SetClockRequest(request_id=str(uuid4()), time=instant)
        await asyncio.gather(*(call(stub.SetClock, request) for stub in self._operations.values()))

    async def rest(self) -> None:
        """Wait until nothing is under way any more; raises `NotPlayed` if that takes too long or something was parked.

        What did not come to rest in time fails the cases that wait for it; later ones do not wait for it again.
        """
        deadline = time.monotonic() + REST_SECONDS
        calm = 0
        while calm < CALM_SWEEPS:
            activity = await self._activity()
            busy = [found for found in activity if not self._calm(found)]
            calm = 0 if busy else calm + 1
            if busy and time.monotonic() > deadline:
                self._stuck = {found.service: _counts(found) for found in activity}
                raise NotPlayed(f"no rest after {REST_SECONDS:.0f} s: {'; '.join(map(_described, busy))}")
            if busy:
                await asyncio.sleep(POLL_SECONDS)
        parked = sum(found.parked for found in activity)
        if parked > self._parked:
            new, self._parked = parked - self._parked, parked
            raise NotPlayed(f"{new} messages were parked")

    def _calm(self, found: Any) -> bool:  # Any: a generated message
        stuck = self._stuck.get(found.service, (0,) * len(COUNTS))
        return found.idle or all(now <= left for now, left in zip(_counts(found), stuck, strict=True))

    async def _activity(self) -> list[Any]:  # Any: generated messages
        request = operations_service_pb2.GetActivityRequest()
        return await asyncio.gather(*(call(stub.GetActivity, request) for stub in self._operations.values()))


def _counts(activity: Any) -> tuple[int, ...]:  # Any: a generated message
    return tuple(getattr(activity, name) for name in COUNTS)


def _described(activity: Any) -> str:  # Any: a generated message
    counts = zip(COUNTS, _counts(activity), strict=True)
    return f"{activity.service} {' '.join(f'{name}={count}' for name, count in counts if count)}".rstrip()


async def call(method: Any, request: Any) -> Any:  # Any: generated methods and messages
    """The answer of one call; a refusal is `Rejected`, a fault is `NotPlayed`."""
    try:
        return await method(request, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        reason = reason_of(error)
        if error.code() in _REFUSALS and reason:
            raise Rejected(reason, error.details() or "") from error
        name = type(request).__name__.removesuffix("Request")
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise NotPlayed(f"{name} is not built") from error
        raise NotPlayed(f"{name}: {error.code().name} {reason} {error.details()}") from error


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the error's `ErrorInfo`, empty if it has none."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode()).details:
                found = error_details_pb2.ErrorInfo()
                if detail.Unpack(found):
                    return str(found.reason)
    return ""
