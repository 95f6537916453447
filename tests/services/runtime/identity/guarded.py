"""A server behind a door, whoever issues tokens for it, and a client: for tests of who is let in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.kernel.access import Access, Object, Row
from services.runtime.ground.settings import Settings
from services.runtime.identity.door import Door, Ownership
from services.runtime.identity.keys import Keys
from services.runtime.identity.tokens import Verifier
from services.runtime.rpc.server import RpcServer, channel
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs
from tests.services.runtime.identity.issuer import DEMANDS, Issuer

PREFIX = "/settlement.operations.v1.OperationsService/"
OPEN = Row(open=True)
ROWS = {
    "GetSaga": Row(roles=("writer", "clerk", "reader"), about=Object("saga", "saga_id")),
    "RetrySaga": Row(roles=("writer", "clerk", "reader"), about=Object("saga", "saga_id")),
    "AbortSaga": Row(roles=("writer", "clerk"), about=Object("saga", "saga_id"), second=("reason", "reader")),
    "ListSagas": Row(roles=("reader",), reserved=frozenset({"root_id"})), "GetClock": OPEN,
}
METHODS = pb.DESCRIPTOR.services_by_name["OperationsService"].methods_by_name
REST = [name for name in METHODS if name not in ROWS]
ACCESS = Access(
    rows={f"{PREFIX}{name}": row for name, row in ROWS.items()} | {f"{PREFIX}{name}": Row(("writer",)) for name in REST}
    | {f"/grpc.health.v1.Health/{name}": OPEN for name in ("Check", "List", "Watch")},
    roles=frozenset({"reader", "writer", "clerk"}), bound=frozenset({"reader"}),
    actors={"operator_id": frozenset({"reader", "clerk"})},
    unfilled={"operator_id": frozenset({"writer"})}, impartial=frozenset({"clerk"}),
)
OWNERS = {"saga": Ownership("SAGA_NOT_FOUND", "saga", "the query")}


@dataclass
class Sagas:
    """Stands for a connection on which whose sagas are is looked up."""

    of: Mapping[str, str] = field(default_factory=lambda: {"saga_1": "ann", "saga_2": "bob"})
    asked: list[str] = field(default_factory=list)

    async def fetch(self, query: str, things: Sequence[str]) -> list[dict[str, str]]:
        """Whose they are."""
        assert "the query" in query
        self.asked.append(", ".join(things))
        return [{"id": thing, "reader": self.of[thing]} for thing in things if thing in self.of]

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Any]:  # Any: it stands for a connection
        """For one look."""
        yield self


class Servicer(stubs.OperationsServiceServicer):
    """Remembers what came in."""

    def __init__(self) -> None:
        self.seen: list[Any] = []  # Any: requests of several methods

    async def _seen(self, request: Any, answer: Any) -> Any:
        self.seen.append(request)
        return answer

    async def GetSaga(self, request: Any, context: Any) -> Any:
        """Note it."""
        return await self._seen(request, pb.GetSagaResponse())

    async def RetrySaga(self, request: Any, context: Any) -> Any:
        """Note it."""
        return await self._seen(request, pb.RetrySagaResponse())

    async def AbortSaga(self, request: Any, context: Any) -> Any:
        """Note it."""
        return await self._seen(request, pb.AbortSagaResponse())

    async def ListSagas(self, request: Any, context: Any) -> Any:
        """Note it."""
        return await self._seen(request, pb.ListSagasResponse())

    async def GetClock(self, request: Any, context: Any) -> Any:
        """Note it."""
        return await self._seen(request, pb.GetClockResponse())


@dataclass
class House:
    """A guarded server, whoever issues tokens for it, and a stub."""

    issuer: Issuer
    servicer: Servicer
    sagas: Sagas
    keys: Keys
    port: int
    stub: Any  # Any: the stubs of generated code

    async def ask(self, method: str, request: Any, *headers: tuple[str, str]) -> Any:
        """Call with these headers."""
        return await getattr(self.stub, method)(request, metadata=headers)

    async def ask_as(self, method: str, request: Any, subject: str, *roles: str) -> Any:
        """Call as somebody."""
        return await self.ask(method, request, self.by(subject, *roles))

    def by(self, subject: str, *roles: str, header: str = "authorization") -> tuple[str, str]:
        """The header of somebody."""
        return (header, f"Bearer {self.issuer.token(sub=subject, roles=list(roles))}")


async def door(issuer: Issuer, sagas: Sagas, access: Access = ACCESS) -> Door:
    """A door by this policy."""
    keys = Keys(str(issuer.file))
    await keys.open()
    return Door(access, Verifier(keys, DEMANDS), OWNERS, sagas.look, keys)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """One whose keys lie in this folder."""
    issuer, sagas, servicer = Issuer(folder / "keys.json"), Sagas(), Servicer()  # type: ignore[abstract]
    server = RpcServer(Settings("test", reflection=False, drain_seconds=0.1))
    guard = await door(issuer, sagas)
    server.guard(guard)
    server.add(servicer)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}", 10.0) as opened:
        yield House(issuer, servicer, sagas, guard.keys, port, stubs.OperationsServiceStub(opened))
    await server.stop()
