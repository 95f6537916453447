"""The public API of a running engine: stubs, the manual clock, and the wait for rest."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from settle.client.bank import Bank
from settle.client.calls import CALL_SECONDS, Fault, call
from settle.client.channels import Option, addresses_of, open_channel
from settle.client.requests import fresh
from settle.client.tokens import Tokens
from settle.client.verifier import Provider
from settlement.card_redemption.v1 import (
    card_service_pb2_grpc,
    channel_service_pb2_grpc,
    dispute_service_pb2_grpc,
    enterprise_service_pb2_grpc,
    record_service_pb2_grpc,
    redemption_service_pb2_grpc,
)
from settlement.credit_ledger.v1 import (
    adjustment_service_pb2_grpc,
    credit_service_pb2_grpc,
    statement_service_pb2_grpc,
)
from settlement.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from settlement.order.v1 import after_sale_service_pb2_grpc, merchant_service_pb2_grpc, order_service_pb2_grpc

SERVICES = ("order", "credit_ledger", "card_redemption")
REST_SECONDS = 20.0
CALM_SWEEPS = 2
"""So many times in a row every process has to say that it is idle: a message may be between two of them."""
POLL_SECONDS = 0.004
ASKED_SECONDS = 1.0
"""What a process has to say what is under way, however late it is."""
COUNTS = (
    "queued", "open_sagas", "due_timers", "unpublished", "lag", "open_notices", "open_republications",
)
"""What a service counts as under way."""


class Engine:
    """Connected to the three services; `targets` are their addresses by name, of one process or of several
    (`endpoints.targets_of`); `tokens` say who calls, `options` are gRPC's. Who tells stories has the
    `sandboxes` beside them, too (`endpoints.sandboxes_of`)."""

    def __init__(
        self, targets: Mapping[str, str], sandboxes: Mapping[str, str] | None = None, tokens: Tokens | None = None,
        options: Sequence[Option] = (),
    ) -> None:
        missing = [name for name in SERVICES if name not in targets]
        if missing:
            raise Fault(f"no address for {', '.join(missing)}")
        self._channels = {name: open_channel(targets[name], *options, tokens=tokens) for name in SERVICES}
        order, credit = self._channels["order"], self._channels["credit_ledger"]
        self.orders = order_service_pb2_grpc.OrderServiceStub(order)
        self.after_sale = after_sale_service_pb2_grpc.AfterSaleServiceStub(order)
        self.merchants = merchant_service_pb2_grpc.MerchantServiceStub(order)
        self.credit = credit_service_pb2_grpc.CreditServiceStub(credit)
        self.statements = statement_service_pb2_grpc.StatementServiceStub(credit)
        self.adjustments = adjustment_service_pb2_grpc.AdjustmentServiceStub(credit)
        self.cards = card_service_pb2_grpc.CardServiceStub(self._channels["card_redemption"])
        self.enterprises = enterprise_service_pb2_grpc.EnterpriseServiceStub(self._channels["card_redemption"])
        self.channels = channel_service_pb2_grpc.ChannelServiceStub(self._channels["card_redemption"])
        self.disputes = dispute_service_pb2_grpc.DisputeServiceStub(self._channels["card_redemption"])
        self.redemptions = redemption_service_pb2_grpc.RedemptionServiceStub(self._channels["card_redemption"])
        self.record = record_service_pb2_grpc.RecordServiceStub(self._channels["card_redemption"])
        self.operations = {
            name: operations_service_pb2_grpc.OperationsServiceStub(channel) for name, channel in self._channels.items()
        }
        self._tokens = tokens
        self._sandboxes = {} if sandboxes is None else sandboxes
        self._processes = [
            open_channel(address, tokens=tokens) for name in SERVICES for address in addresses_of(targets[name])
        ]
        self._each = [operations_service_pb2_grpc.OperationsServiceStub(process) for process in self._processes]
        self._parked = 0
        self._stuck: list[tuple[int, ...]] = [(0,) * len(COUNTS)] * len(self._processes)

    @cached_property
    def bank(self) -> Bank:
        """The bank behind the sandbox acquirer."""
        return Bank(self._sandbox("acquirer"), self._tokens)

    @cached_property
    def provider(self) -> Provider:
        """The sandbox verifier."""
        return Provider(self._sandbox("verifier"), self._tokens)

    def _sandbox(self, name: str) -> str:
        if name not in self._sandboxes:
            raise Fault(f"no {name} beside this engine")
        return self._sandboxes[name]

    async def close(self) -> None:
        """Give the connections back."""
        for sandbox in (self.__dict__.get("bank"), self.__dict__.get("provider")):
            if sandbox is not None:
                await sandbox.close()
        for channel in (*self._channels.values(), *self._processes):
            await channel.close()

    async def begin(self) -> None:
        """Note what was parked before the run: it is not this run's fault."""
        self._parked = sum(found.parked for found in await self._activity(CALL_SECONDS))

    async def set_clock(self, at: datetime) -> None:
        """Move every process to this instant."""
        instant = Timestamp()
        instant.FromDatetime(at)
        request = operations_service_pb2.SetClockRequest(request_id=fresh(), time=instant)
        await asyncio.gather(*(call(stub.SetClock, request) for stub in self._each))

    async def rest(self) -> None:
        """Wait until nothing is under way any more; raises `Fault` if that takes too long or something was parked.

        What did not come to rest in time fails the cases that wait for it; later ones do not wait for it again.
        """
        deadline = time.monotonic() + REST_SECONDS
        calm = 0
        while calm < CALM_SWEEPS:
            activity = await self._activity(max(deadline - time.monotonic(), ASKED_SECONDS))
            busy = [found for found, left in zip(activity, self._stuck, strict=True) if not _calm(found, left)]
            calm = 0 if busy else calm + 1
            if busy and time.monotonic() > deadline:
                self._stuck = [_counts(found) for found in activity]
                raise Fault(f"no rest after {REST_SECONDS:.0f} s: {'; '.join(map(_described, busy))}")
            if busy:
                await asyncio.sleep(POLL_SECONDS)
        parked = sum(found.parked for found in activity)
        if parked > self._parked:
            new, self._parked = parked - self._parked, parked
            raise Fault(f"{new} messages were parked")

    async def _activity(self, seconds: float) -> list[Any]:  # Any: generated messages
        """What is under way; a machine with too much to do is asked again, for so long."""
        request = operations_service_pb2.GetActivityRequest()
        return await asyncio.gather(*(call(stub.GetActivity, request, seconds) for stub in self._each))


def _calm(activity: Any, left: tuple[int, ...]) -> bool:  # Any: a generated message
    """Whether a process has nothing under way but what was left before."""
    return activity.idle or all(now <= before for now, before in zip(_counts(activity), left, strict=True))


def _counts(activity: Any) -> tuple[int, ...]:  # Any: a generated message
    return tuple(getattr(activity, name) for name in COUNTS)


def _described(activity: Any) -> str:  # Any: a generated message
    counts = zip(COUNTS, _counts(activity), strict=True)
    return f"{activity.service} {' '.join(f'{name}={count}' for name, count in counts if count)}".rstrip()
