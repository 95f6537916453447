"""Three services behind their doors, on real databases in which things have owners, with a gateway before them. Behind
the doors nobody acts: whoever is let in hears REACHED."""

import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import grpc
import uvicorn

from gateway.__main__ import HEADER_SECONDS_MAX
from gateway.app import Gateway
from gateway.calling import Services
from gateway.connections import Connection
from gateway.contract import SERVICES
from services.access import ACCESS
from services.card_redemption.__main__ import SERVICE as CARD_REDEMPTION
from services.credit_ledger.__main__ import SERVICE as CREDIT_LEDGER
from services.kernel.errors import FailedPrecondition
from services.order.__main__ import SERVICE as ORDER
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.settings import Settings
from services.runtime.identity.door import open_door
from services.runtime.rpc.server import RpcServer
from services.runtime.service import Service
from settle.local import ports
from tests.access.contract import HIMSELF, IDS, METHODS, OTHER, OWN, PACKAGES, subject, thing
from tests.gateway.conftest import serving
from tests.services.runtime.identity.issuer import AUDIENCE, ISSUER, Issuer

REACHED = "REACHED"
_ZEROS: Mapping[str, Any] = {  # Any: each value has the type of its column
    "text": "", "bigint": 0, "integer": 0, "smallint": 0, "boolean": False, "json": "[]", "jsonb": "[]", "bytea": b"",
    "timestamp with time zone": datetime(2026, 3, 2, tzinfo=UTC), "date": datetime(2026, 3, 2, tzinfo=UTC).date(),
}


@dataclass
class World:
    """Where everything is, and who issues tokens for it."""

    issuer: Issuer
    channels: Mapping[str, grpc.aio.Channel]
    url: str


@asynccontextmanager
async def world(dsn: str, folder: Path) -> AsyncIterator[World]:
    """On fresh databases of the server at `dsn`."""
    issuer = Issuer(folder / "keys.json")
    addresses: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for service in (ORDER, CREDIT_LEDGER, CARD_REDEMPTION):
            addresses[service.name] = await _served(stack, service, f"{dsn}/access_{service.name}", issuer)
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(address))
            for name, address in addresses.items()
        }
        yield World(issuer, channels, await _gateway(stack, addresses))


async def _served(stack: AsyncExitStack, service: Service, dsn: str, issuer: Issuer) -> str:
    admin = await asyncpg.connect(f"{dsn.rpartition('/')[0]}/postgres")
    await admin.execute(f'create database "access_{service.name}"')
    await admin.close()
    settings = Settings(
        service.name, dsn=dsn, drain_seconds=0.1, identity_jwks=str(issuer.file), identity_issuer=ISSUER,
        identity_audience=AUDIENCE,
    )
    await migrate(dsn, [service.migrations])
    await _fill(service.name, dsn)
    pool = await open_pool(settings)
    stack.push_async_callback(pool.close)
    door = await open_door(settings, ACCESS, service.owners, pool.acquire)
    assert door is not None
    server = RpcServer(settings)
    server.guard(door)
    for servicer in _servicers(service.name):
        server.add(servicer)
    port = await server.start()
    stack.push_async_callback(server.stop)
    return f"127.0.0.1:{port}"


def _servicers(name: str) -> list[object]:
    """One for each service of the contract that this process serves; all its methods end the same way."""
    packages = {f"settlement.{each}.v1" for each in PACKAGES if each in (name, "operations")}
    services = {
        method.containing_service for method in METHODS.values() if method.containing_service.file.package in packages
    }
    return [_servicer(service.file.name, service) for service in services]


def _servicer(file: str, service: Any) -> object:  # Any: the descriptor of a service
    stubs: ModuleType = importlib.import_module(file.removesuffix(".proto").replace("/", ".") + "_pb2_grpc")

    async def reached(self: object, request: Any, context: Any) -> Any:
        raise FailedPrecondition(REACHED, "behind the door")

    async def streamed(self: object, request: Any, context: Any) -> AsyncIterator[Any]:
        raise FailedPrecondition(REACHED, "behind the door")
        yield

    methods = {method.name: streamed if method.server_streaming else reached for method in service.methods}
    return type(f"Played{service.name}", (getattr(stubs, f"{service.name}Servicer"),), methods)()


async def _gateway(stack: AsyncExitStack, addresses: dict[str, str]) -> str:
    [port] = ports.free_ports(1)
    services = await stack.enter_async_context(Services({name: addresses[name] for name in SERVICES}))
    application = Gateway(Settings("gateway"), services).application()
    config = uvicorn.Config(
        application, host=ports.HOST, port=port, http=Connection, lifespan="off", log_config=None, access_log=False,
        timeout_keep_alive=HEADER_SECONDS_MAX,
    )
    await stack.enter_async_context(serving(uvicorn.Server(config)))
    return f"http://{ports.HOST}:{port}"


# things and their owners ----------------------------------------------------------------------------------------------


async def _fill(name: str, dsn: str) -> None:
    """For each of three owners one thing of each kind; what a row has beside owners means nothing here."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("set session_replication_role = replica")
    for whose in (OWN, OTHER, HIMSELF):
        for table, values in _rows(name, whose):
            await _put(connection, table, values)
    await connection.close()


def _rows(name: str, whose: str) -> list[tuple[str, dict[str, str | int]]]:
    def ids(kind: str) -> str | int:
        return thing(kind, whose, "customer")

    root = ids({"order": "order", "credit_ledger": "account", "card_redemption": "card"}[name])
    owned: dict[str, str | int] = {"customer_id": subject("customer", whose)}
    sold: dict[str, str | int] = {"merchant_id": subject("merchant", whose)}
    every: list[tuple[str, dict[str, str | int]]] = [
        ("sagas", {"id": ids("saga"), "root": root}), ("parked", {"id": ids("parked"), "key": root}),
    ]
    if name == "order":
        return [
            *every,
            ("orders", {"id": root, **owned, **sold}),
            ("return_cases", {"id": ids("return"), "order_id": root}),
            ("merchant_settlements", {"id": IDS[whose], "settlement_id": f"saga_m{IDS[whose]}", **sold}),
        ]
    if name == "credit_ledger":
        return [
            *every,
            ("credit_accounts", {"id": root, **owned}),
            ("payouts", {"id": ids("payout"), "account_id": root}),
        ]
    return [
        *every,
        ("gift_cards", {"id": root, **owned}),
        ("gift_cards", {"id": ids("root"), **owned}),
        ("enterprise_agreements", {"id": ids("agreement"), **owned}),
        ("redemption_orders", {"id": ids("redemption"), "card_id": root, **owned}),
        ("disputes", {"id": ids("dispute"), "card_id": root, **owned}),
    ]


async def _put(connection: Any, table: str, values: Mapping[str, str | int]) -> None:  # Any: a connection of asyncpg
    """A row, whatever the table demands of its other columns."""
    checks = await connection.fetch(
        "select conname from pg_constraint where conrelid = $1::regclass and contype = 'c'", table
    )
    for check in checks:
        await connection.execute(f'alter table {table} drop constraint "{check[0]}"')
    needed = await connection.fetch(
        """select column_name, data_type from information_schema.columns
           where table_name = $1 and is_nullable = 'NO' and column_default is null""",
        table,
    )
    row = {column: _ZEROS[kind] for column, kind in needed} | dict(values)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(
        f"insert into {table} ({', '.join(row)}) overriding system value values ({places})", *row.values()
    )
