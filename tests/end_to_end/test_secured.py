"""`settle up --tls`: who comes in at each door of a real engine, and certificates that are replaced under its calls."""

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.runtime.ground.tls import Certificates
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import channel
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local import certificates
from settle.local.endpoints import sandboxes_of, targets_of
from settle.local.secured import KAFKA_CIPHERS
from settle.local.stack import LocalStack
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub

ROOT = Path(__file__).resolve().parents[2]
KNOCK_SECONDS = 15
ROTATION_SECONDS = 0.7
"""A little more than the time after which everybody has looked at the files again."""
CASES = ("right", "nobody", "stranger", "expired", "clear text", "other authority", "other name")
SERVICES = ("order", "credit_ledger", "card_redemption")
pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]


class Door(NamedTuple):
    """Where somebody can come in: what is said before TLS and after it, how who is in is answered, whether whoever
    comes is asked for a certificate, and the name in the server's own."""

    address: tuple[str, int]
    hello: bytes
    welcome: bytes
    name: str
    before: bytes = b""
    asks: bool = True


HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"\x00"
"""Who opens HTTP/2 is answered with settings, a frame of less than 64 KiB."""
HTTP = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200"
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1), b"\x00"
"""Kafka answers with a length of less than 16 MiB."""
_LOGIN = b"\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"
LOGIN = struct.pack(">i", len(_LOGIN) + 4) + _LOGIN, b"R"
TLS_PLEASE = struct.pack(">ii", 8, 80_877_103)


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """An engine over TLS, with whatever broker there is."""
    folder = Path(tempfile.mkdtemp(prefix="settle-tls-"))
    try:
        with LocalStack(folder / ".run", durable=False, audited=True, gateway=True, tls=True) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def folder(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What callers show: certificates of the engine's authority, among them `expired` and `elsewhere` (nobody's who may
    call), and `strangers` of another one."""
    ours, made = Path(stack.endpoints["tls"]["ca"]).parent, tmp_path_factory.mktemp("callers")
    signer = load_pem_private_key((ours / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer, now = x509.load_pem_x509_certificate((ours / "ca.pem").read_bytes()), datetime.now(UTC)
    shutil.copy(ours / "ca.pem", made / "ca.pem")
    for name, names, days in (
        ("right", ("client",), 9), ("expired", ("client", *certificates.MACHINE), -1), ("elsewhere", ("elsewhere",), 9),
    ):
        valid = now - timedelta(days=9), now + timedelta(days=days)
        certificates.write(made, name, certificates.leaf(names, issuer, signer, valid))
    certificates.make(made / "strangers", ("client",))
    return made


def doors_of(stack: LocalStack) -> dict[str, Door]:
    """All doors of the engine but the one to its metrics."""
    said, found = stack.endpoints, dict[str, Door]()
    for name in (*SERVICES, "acquirer", "verifier", "auditor"):
        target = (said["services"].get(name) or said[name])["target"]
        found[name] = Door(_address(target), *HTTP2, name.replace("_", "-"))
    found["gateway"] = Door(_address(said["gateway"]["url"].removeprefix("https://")), *HTTP, "gateway")
    if said["broker"]["kind"] == "kafka":
        found["kafka"] = Door(_address(said["broker"]["bootstrap"]), *API_VERSIONS, "kafka")
    if stack.postgres.data is not None:
        found["postgres"] = Door(("127.0.0.1", stack.postgres.port), *LOGIN, "postgres", TLS_PLEASE, asks=False)
    return found


def _address(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    return host, int(port)


def knock(door: Door, context: ssl.SSLContext | None, name: str = "127.0.0.1") -> bool:
    """Whether who comes so is let in, and stays: in TLS 1.3 who is refused hears it after the greeting."""
    try:
        with socket.create_connection(door.address, KNOCK_SECONDS) as plain:
            if context is None:
                return _greeted(plain, door)
            if door.before:
                plain.sendall(door.before)
                if plain.recv(1) != b"S":
                    return False
            with context.wrap_socket(plain, server_hostname=name) as secured:
                return _greeted(secured, door)
    except OSError:  # ssl.SSLError among them
        return False


def _greeted(connection: socket.socket, door: Door) -> bool:
    connection.sendall(door.hello)
    heard = b""
    while len(heard) < len(door.welcome) and (more := connection.recv(64)):
        heard += more
    return heard.startswith(door.welcome)


def coming(folder: Path, case: str, door: Door) -> ssl.SSLContext | None:
    """How who comes in this case makes its connection."""
    if case == "clear text":
        return None
    theirs = folder / "strangers"
    context = ssl.create_default_context(cafile=(theirs if case == "other authority" else folder) / "ca.pem")
    if door.hello == HTTP2[0]:
        context.set_alpn_protocols(["h2"])
    where, name = (theirs, "client") if case == "stranger" else (folder, "expired" if case == "expired" else "right")
    if case != "nobody":
        context.load_cert_chain(*certificates.files(where, name)[1:])
    return context


@pytest.mark.parametrize("case", CASES)
def test_who_comes_in_at_which_door(stack: LocalStack, folder: Path, case: str) -> None:
    """Only who shows a certificate of the authority that is not over, and who finds the server it looked for.
    PostgreSQL asks for none: who comes there logs in."""
    asked = case in ("nobody", "stranger", "expired")
    found, expected = {}, {}
    for name, door in doors_of(stack).items():
        called = "elsewhere" if case == "other name" else "127.0.0.1"
        found[name] = knock(door, coming(folder, case, door), called)
        expected[name] = case == "right" or (asked and not door.asks)

    assert found == expected
    assert len(found) >= len(SERVICES) + 4


def test_the_broker_chooses_the_cipher(stack: LocalStack, folder: Path) -> None:
    """Ours, and not the one that its clients would rather have."""
    door = doors_of(stack).get("kafka")
    if door is None:
        pytest.skip("the embedded broker knows no TLS")
    context = coming(folder, "right", door)
    assert context is not None

    with socket.create_connection(door.address, KNOCK_SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            cipher = secured.cipher()

    assert cipher is not None
    assert KAFKA_CIPHERS.startswith(cipher[0])


@pytest.mark.parametrize("name", SERVICES)
async def test_a_certificate_with_another_name_may_not_call(stack: LocalStack, folder: Path, name: str) -> None:
    """It is of the authority, its caller has a token, and each service refuses it."""
    target, reasons = stack.endpoints["services"][name]["target"], dict[str, str]()
    tokens = Tokens.of(stack.endpoints)
    assert tokens is not None
    who = tokens.metadata("/settlement.operations.v1.OperationsService/GetActivity")
    for caller in ("elsewhere", "right"):
        shown = Certificates(*certificates.files(folder, caller))
        async with channel(target, certificates=shown) as opened:
            try:
                await OperationsServiceStub(opened).GetActivity(
                    pb.GetActivityRequest(), timeout=KNOCK_SECONDS, metadata=who
                )
                reasons[caller] = ""
            except grpc.aio.AioRpcError as error:
                reasons[caller] = from_rpc_error(error).reason

    assert reasons == {"elsewhere": "PEER_NOT_ALLOWED", "right": ""}


@pytest.mark.parametrize("rotations", [3, pytest.param(20, marks=pytest.mark.long)])
async def test_certificates_are_replaced_while_orders_are_placed(stack: LocalStack, rotations: int) -> None:
    """No call fails, at no service and not at the gateway; and all of them show the new certificate in the end."""
    said, shown = stack.endpoints, Path(stack.endpoints["tls"]["ca"]).parent
    tokens, customer = Tokens.of(said), Customer.new()
    assert tokens is not None
    engine = Engine(targets_of(said), sandboxes_of(said), tokens)
    await Desk(engine, customer).open_account(10**9, 1, 0)
    over, shop, done = asyncio.Event(), Shop(engine, customer), {"orders": 0, "requests": 0}
    first = await shop.place([Goods("a thing", 1, 1_000)], [Payment("CREDIT", 1_000)], instalments(3))
    gateway = reading(doors_of(stack)["gateway"], first.order_id, tokens.token("platform"))

    async def trade() -> None:
        while not over.is_set():
            order = await shop.place([Goods("a thing", 1, 1_000)], [Payment("CREDIT", 1_000)], instalments(3))
            await shop.ship(order.order_id)
            assert (await shop.refund_amount(order.order_id, 100)).settlement_id
            done["orders"] += 1

    async def ask() -> None:
        while not over.is_set():
            with suppress(ssl.SSLError):  # its own two files were just not of one rotation
                context = _own(shown)
                assert await asyncio.to_thread(knock, gateway, context)
                done["requests"] += 1

    async with asyncio.TaskGroup() as load:
        for work in (trade, trade, ask):
            load.create_task(work())
        for _ in range(rotations):
            certificates.make(shown)
            await asyncio.sleep(ROTATION_SECONDS)
        over.set()
    await engine.close()

    assert min(done.values()) >= rotations // 2, done
    for name, door in doors_of(stack).items():
        if name in (*SERVICES, "gateway", "acquirer"):
            assert _serial_of(door, shown) == _serial_in(shown / f"{door.name}.pem"), name


def reading(gateway: Door, order_id: str, token: str) -> Door:
    """A door whose hello is a call that the gateway hands on to a service."""
    said = f"GET /v1/orders/{order_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    return gateway._replace(hello=f"{said}Connection: close\r\n\r\n".encode(), welcome=b"HTTP/1.1 200")


def _own(shown: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=shown / "ca.pem")
    context.load_cert_chain(*certificates.files(shown, "client")[1:])
    return context


def _serial_of(door: Door, shown: Path) -> int:
    context = _own(shown)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(door.address, KNOCK_SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            seen: Any = secured.getpeercert()
    return int(seen["serialNumber"], 16)


def _serial_in(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def test_the_command_line_follows(stack: LocalStack) -> None:
    """It finds the engine healthy, reads its events, and its books hold, with the bank's list among them."""
    if stack.endpoints["broker"]["kind"] == "kafka":
        told = _settle(stack, "events", "tail", "--service", "order", "--from", "2020-01-01", "--no-follow")
        assert '"OrderPlaced' in told.replace("settlement.order.v1.", "")
    assert "healthy" in _settle(stack, "status")
    verdict = _settle(stack, "verify", "--strict", "--full")
    assert "did not answer" not in verdict


def _settle(stack: LocalStack, *words: str) -> str:
    command = [sys.executable, "-m", "settle.cli", *words, "--data", str(stack.data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
