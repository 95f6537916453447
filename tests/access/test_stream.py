"""Each command of a stream passes the door of its own method: whoever opened it is asked again with every command."""

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


class Reached(order_service_pb2_grpc.OrderServiceServicer):
    """Whoever comes as far as this hears so."""

    async def CancelOrder(
        self, request: order_service_pb2.CancelOrderRequest, context: object
    ) -> order_service_pb2.CancelOrderResponse:
        """Say it."""
        raise FailedPrecondition(REACHED, "behind the door")


async def test_a_stream_outlives_no_key(tmp_path: Path) -> None:
    """It goes on for its platform, until the key of its token is taken away; nobody else opens one."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    demands = Demands(ISSUER, AUDIENCE, seconds_max=900.0, leeway_seconds=30.0, roles=ACCESS.roles)
    server = RpcServer(Settings("order", reflection=False, drain_seconds=0.1))
    server.guard(Door(ACCESS, Verifier(keys, demands), OWNERS, Sagas().look, keys))
    server.add(OrderStreamServicer(None))  # type: ignore[arg-type]  # it needs no edge
    server.add(Reached())  # type: ignore[abstract]  # the other methods are not called
    address = f"127.0.0.1:{await server.start()}"

    def known(role: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {issuer.token(roles=[role])}"),)

    async with grpc.aio.insecure_channel(address) as channel:
        async with CommandStream(channel, known("platform")) as stream:
            before = await stream.send(CANCEL)
            issuer.publish(issuer.public(Issuer(tmp_path / "new.json").ed, "new"))
            await keys.look_again()
            after = await stream.send(CANCEL)
        async with CommandStream(channel, known("agent")) as stream:
            with pytest.raises(Fault, match="UNAUTHENTICATED"):
                await stream.send(CANCEL)
    await server.stop()

    assert [REACHED in str(answer) for answer in (before, after)] == [True, False]
    assert "UNAUTHENTICATED" in str(after)
