"""Whoever opened a stream is asked again with every command that he sends, and before everything that he is shown."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from services.access import ACCESS
from services.kernel.errors import FailedPrecondition
from services.order.rpc.streams import OrderStreamServicer
from services.order.store.owners import OWNERS
from services.runtime.ground.settings import Settings
from services.runtime.identity.door import Door
from services.runtime.identity.keys import Keys
from services.runtime.identity.tokens import Demands, Verifier
from services.runtime.rpc.server import RpcServer
from settle.client.calls import Fault
from settle.client.streams import CommandStream
from settlement.order.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc
from settlement.order.v1 import stream_service_pb2 as pb
from tests.access.contract import UUID
from tests.access.world import REACHED
from tests.services.runtime.identity.guarded import Sagas
from tests.services.runtime.identity.issuer import AUDIENCE, ISSUER, Issuer

CANCEL = pb.ExchangeRequest(cancel_order=order_service_pb2.CancelOrderRequest(
    request_id=UUID, order_id="ord_1", reason=order_pb2.CANCEL_REASON_NOT_WANTED
))
WATCHED = order_service_pb2.WatchSettlementRequest(settlement_id="saga_1")
LATER_SECONDS = 1_000.0
"""More than a token may last."""


class Reached(order_service_pb2_grpc.OrderServiceServicer):
    """Whoever comes as far as this hears so."""

    def __init__(self) -> None:
        self.happened = asyncio.Event()

    async def CancelOrder(
        self, request: order_service_pb2.CancelOrderRequest, context: object
    ) -> order_service_pb2.CancelOrderResponse:
        """Say it."""
        raise FailedPrecondition(REACHED, "behind the door")

    async def WatchSettlement(
        self, request: order_service_pb2.WatchSettlementRequest, context: object
    ) -> AsyncIterator[order_service_pb2.WatchSettlementResponse]:
        """A step, and another each time that something happened."""
        while True:
            yield order_service_pb2.WatchSettlementResponse()
            await self.happened.wait()
            self.happened.clear()


@dataclass
class House:
    """A guarded server and whoever issues tokens for it; `late` is by how much its clock is later than theirs."""

    issuer: Issuer
    keys: Keys
    reached: Reached
    channel: grpc.aio.Channel
    late: float = 0.0

    def known(self, role: str) -> tuple[tuple[str, str], ...]:
        """The header of somebody in this role."""
        return (("authorization", f"Bearer {self.issuer.token(roles=[role])}"),)

    async def take_away(self, folder: Path) -> None:
        """Another key in the place of the one that signs."""
        self.issuer.publish(self.issuer.public(Issuer(folder / "new.json").ed, "new"))
        await self.keys.look_again()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    """The order service's streams behind its door."""
    issuer = Issuer(folder / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    demands = Demands(ISSUER, AUDIENCE, seconds_max=900.0, leeway_seconds=30.0, roles=ACCESS.roles)
    server = RpcServer(Settings("order", reflection=False, drain_seconds=0.1))
    reached = Reached()  # type: ignore[abstract]  # the other methods are not called
    verifier = Verifier(keys, demands, lambda: time.time() + house.late)
    server.guard(Door(ACCESS, verifier, OWNERS, Sagas().look, keys))
    server.add(OrderStreamServicer(None))  # type: ignore[arg-type]  # it needs no edge
    server.add(reached)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{await server.start()}") as channel:
        house = House(issuer, keys, reached, channel)
        yield house
    await server.stop()


async def test_a_stream_outlives_no_key(tmp_path: Path) -> None:
    """It goes on for its platform, until the key of its token is taken away; nobody else opens one."""
    async with opened(tmp_path) as house:
        async with CommandStream(house.channel, house.known("platform")) as stream:
            before = await stream.send(CANCEL)
            await house.take_away(tmp_path)
            after = await stream.send(CANCEL)
        async with CommandStream(house.channel, house.known("agent")) as stream:
            for _ in ("it hears so", "and again, for nothing is sent any more"):
                with pytest.raises(Fault, match="UNAUTHENTICATED"):
                    await stream.send(CANCEL)

    assert [REACHED in str(answer) for answer in (before, after)] == [True, False]
    assert "UNAUTHENTICATED" in str(after)


@pytest.mark.parametrize("ending", ["the token", "its key"])
async def test_who_watches_is_asked_again(tmp_path: Path, ending: str) -> None:
    """What happens once his token has ended is not for him, though he began to watch before."""
    async with opened(tmp_path) as house:
        stub = order_service_pb2_grpc.OrderServiceStub(house.channel)
        call = stub.WatchSettlement(WATCHED, metadata=house.known("platform"))
        await call.read()
        house.reached.happened.set()
        seen = await call.read()
        if ending == "its key":
            await house.take_away(tmp_path)
        else:
            house.late = LATER_SECONDS
        house.reached.happened.set()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()

    assert seen == order_service_pb2.WatchSettlementResponse()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
