"""TLS: who comes in and whom we talk to, and certificates that are replaced while calls are under way."""

import asyncio
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.runtime.ground import tls
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tls import Certificates, client_context, server_context
from services.runtime.kafka.clients import security
from services.runtime.rpc.secured import Peers
from services.runtime.rpc.server import RpcServer, channel
from settle.local import certificates
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as rpc

CALL_SECONDS = 3.0
ROTATIONS = 20
ASKED_BYTES = 2**18
STEPS = 3
"""Until both ends of a handshake are done."""


class Operations(rpc.OperationsServiceServicer):
    """One method is enough to see who came in."""

    async def GetClock(self, request: pb.GetClockRequest, context: object) -> pb.GetClockResponse:
        """Answer."""
        return pb.GetClockResponse(manual=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of one authority, and `expired` and `elsewhere` (another machine's name) among them."""
    certificates.make(tmp_path, ("order", "gateway", "client"))
    now = datetime.now(UTC)
    signer = load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    for name, names, days in (("expired", ("expired", *certificates.MACHINE), -1), ("elsewhere", ("elsewhere",), 9)):
        valid = now - timedelta(days=9), now + timedelta(days=days)
        certificates.write(tmp_path, name, certificates.leaf(names, issuer, signer, valid))
    return tmp_path


@pytest.fixture
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of the same names by another authority."""
    other = tmp_path_factory.mktemp("strangers")
    certificates.make(other, ("order", "client"))
    return other


def of(folder: Path, name: str, trusted: Path | None = None) -> Certificates:
    """The certificates of this name, for somebody who holds others to the authority of `trusted`."""
    ca, certificate, key = certificates.files(folder, name)
    return Certificates((trusted or folder) / "ca.pem" if trusted else ca, certificate, key)


def settings(folder: Path, name: str = "order", **changed: str) -> Settings:
    """A server's settings with the certificate of this name."""
    ca, certificate, key = map(str, certificates.files(folder, name))
    given = replace(Settings("order", reflection=False), tls_ca=ca, tls_certificate=certificate, tls_key=key)
    return replace(given, **changed)  # type: ignore[arg-type]  # texts all of them


@asynccontextmanager
async def serving(given: Settings) -> AsyncIterator[str]:
    """A server with one service, at this address."""
    server = RpcServer(given)
    server.add(Operations())  # type: ignore[abstract]  # one method is enough
    port = await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server._server.stop(0)


async def asked(opened: grpc.aio.Channel) -> str:
    """OK, or with what a call ended."""
    try:
        await rpc.OperationsServiceStub(opened).GetClock(pb.GetClockRequest(), timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def test_who_calls_has_to_show_a_certificate_of_the_authority(folder: Path, strangers: Path) -> None:
    """None, a stranger's and an expired one are no callers; nor is who speaks in clear text."""
    async with serving(settings(folder)) as target:
        outcomes = {}
        for name, ours in {
            "right": of(folder, "client"), "stranger": of(strangers, "client", trusted=folder),
            "expired": of(folder, "expired"),
        }.items():
            async with channel(target, certificates=ours) as opened:
                outcomes[name] = await asked(opened)
        none = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(target, none) as opened:
            outcomes["none"] = await asked(opened)
        async with channel(target) as opened:
            outcomes["clear text"] = await asked(opened)

    refused = dict.fromkeys(("stranger", "expired", "none", "clear text"), "UNAVAILABLE")
    assert outcomes == {"right": "OK", **refused}


@pytest.mark.parametrize(
    ("name", "outcome"), [("order", "OK"), ("expired", "UNAVAILABLE"), ("elsewhere", "UNAVAILABLE")]
)
async def test_who_answers_has_to_be_who_was_called(folder: Path, strangers: Path, name: str, outcome: str) -> None:
    """Of our authority, not expired, and of the host that was asked for; also as one of several addresses."""
    async with serving(settings(folder, name)) as target:
        for asked_for in (target, f"ipv4:{target},{target}"):
            async with channel(asked_for, certificates=of(folder, "client")) as opened:
                assert await asked(opened) == outcome
        async with channel(target, certificates=of(folder, "client", trusted=strangers)) as opened:
            assert await asked(opened) == "UNAVAILABLE"


async def test_only_those_that_are_named_may_call(folder: Path) -> None:
    """A certificate of our authority that is somebody else's is known, and refused."""
    async with serving(settings(folder, tls_peers="gateway, credit-ledger")) as target:
        async with channel(target, certificates=of(folder, "client")) as opened:
            assert await asked(opened) == "PERMISSION_DENIED"
        async with channel(target, certificates=of(folder, "gateway")) as opened:
            assert await asked(opened) == "OK"

    async with serving(settings(folder, tls_clients="none")) as target:
        none = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(target, none) as opened:
            assert await asked(opened) == "OK"
    Peers(Settings("order")).check(None)


async def test_twenty_rotations_under_load_fail_no_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides replace their certificates, file after file; some callers keep their connection, others come anew."""
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)
    outcomes: list[str] = []
    over, ours = asyncio.Event(), of(folder, "client")

    async def steady(target: str) -> None:
        async with channel(target, certificates=ours) as opened:
            while not over.is_set():
                outcomes.append(await asked(opened))

    async def anew(target: str) -> None:
        while not over.is_set():
            async with channel(target, certificates=ours) as opened:
                outcomes.append(await asked(opened))

    async with serving(settings(folder)) as target:
        shown = {await _serial(target, folder)}
        callers = [asyncio.create_task(work(target)) for work in (steady, steady, anew)]
        for _ in range(ROTATIONS):
            before = len(outcomes)
            await asyncio.to_thread(certificates.make, folder, ("order", "client"))
            while len(outcomes) < before + 10:
                await asyncio.sleep(0.005)
            shown.add(await _serial(target, folder))
        over.set()
        await asyncio.gather(*callers)

    assert len(shown) == ROTATIONS + 1
    assert set(outcomes) == {"OK"}
    assert len(outcomes) >= 10 * ROTATIONS


async def _serial(target: str, folder: Path) -> int:
    """The number of the certificate that the server shows now."""
    host, _, port = target.rpartition(":")
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    del reader
    return x509.load_der_x509_certificate(shown).serial_number


async def test_half_a_rotation_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key without its certificate, or a file that is none, is looked at again; what was read last goes on."""
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)
    ours = of(folder, "order")
    before, (_, certificate, key) = ours.look(), certificates.files(folder, "order")
    others = certificates.files(folder, "gateway")

    key.write_bytes(others[2].read_bytes())
    assert ours.look() is before
    certificate.write_bytes(b"no certificate")
    assert ours.look() is before
    certificate.write_bytes(others[1].read_bytes())
    assert ours.look().certificate == others[1].read_bytes()


async def test_connections_of_openssl_get_the_present_certificates_too(
    folder: Path, strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those to Kafka, and those of the gateway's callers; also another authority takes the place of the first."""
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)
    shown = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(writer.get_extra_info("peercert")["serialNumber"])
        writer.write(b"ok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context(of(folder, "order"), clients=True))
    port, ours = server.sockets[0].getsockname()[1], client_context(of(folder, "client"))

    async def call() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ours)
        told = await reader.read()
        writer.close()
        return told

    assert await call() == b"ok"
    certificates.make(folder, ("order", "client"))
    assert await call() == b"ok"
    for file in (*certificates.files(strangers, "order"), *certificates.files(strangers, "client")[1:]):
        (folder / file.name).write_bytes(file.read_bytes())
    assert await call() == b"ok"
    assert len(set(shown)) == 3
    server.close()


def test_a_reading_takes_no_more_room_than_a_record(folder: Path) -> None:
    """However much is asked for, as loops do, and all of a long message comes all the same."""
    near, far = _joined(client_context(of(folder, "client")), server_context(of(folder, "order"), clients=True))
    message = bytes(range(256)) * 400
    near.connection.write(message)
    far.arrived.write(near.left.read())
    parts = []

    tracemalloc.start()
    while far.arrived.pending or far.connection.pending():
        parts.append(far.connection.read(ASKED_BYTES))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert b"".join(parts) == message
    assert len(message) < most < len(message) + 2 * tls.RECORD_BYTES_MAX


@dataclass
class End:
    """One end of a connection that no socket carries: what arrived at it, and what is to go out."""

    arrived: ssl.MemoryBIO
    left: ssl.MemoryBIO
    connection: ssl.SSLObject


def _joined(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[End, End]:
    """Both ends, once they know each other."""
    bios = [ssl.MemoryBIO() for _ in range(4)]
    near = End(bios[0], bios[1], client.wrap_bio(bios[0], bios[1], server_hostname="localhost"))
    far = End(bios[2], bios[3], server.wrap_bio(bios[2], bios[3], server_side=True))
    for _ in range(STEPS):
        for end, other in ((near, far), (far, near)):
            with suppress(ssl.SSLWantReadError):
                end.connection.do_handshake()
            other.arrived.write(end.left.read())
    for end in (near, far):  # what comes behind the handshake is no part of a message
        with suppress(ssl.SSLWantReadError):
            end.connection.read(1)
    return near, far


@pytest.mark.parametrize(("changed", "told"), [
    ({}, "SETTLE_TLS_CA, SETTLE_TLS_CERTIFICATE and SETTLE_TLS_KEY"),
    ({"tls_ca": "a", "tls_certificate": "b", "tls_key": "c"}, "SETTLE_KAFKA_SECURITY=plaintext"),
    ({"tls_ca": "a", "tls_certificate": "b", "tls_key": "c", "kafka_security": "ssl"}, "SETTLE_DSN needs sslmode"),
    ({
        "tls_ca": "a", "tls_certificate": "b", "tls_key": "c", "kafka_security": "ssl",
        "dsn": "postgresql://db/order?sslmode=verify-full", "owner_dsn": "postgresql://db/order?sslmode=require",
    }, "SETTLE_OWNER_DSN needs sslmode=verify-full"),
])
def test_production_refuses_clear_text(changed: dict[str, str], told: str) -> None:
    """One line that names the variable; locally anything goes."""
    unsafe = Settings("order", profile="production")
    for name, value in changed.items():
        unsafe = replace(unsafe, **{name: value})  # type: ignore[arg-type]  # texts all of them

    replace(unsafe, profile="local").refuse_clear_text()
    with pytest.raises(SettingsError, match=told):
        unsafe.refuse_clear_text()


def test_what_is_given_of_tls_goes_together(folder: Path) -> None:
    """All three files, that can be read; Kafka's password beside its user."""
    given = settings(folder, kafka_security="sasl_ssl", kafka_user="order")

    assert Certificates.of(Settings("order")) is None
    with pytest.raises(SettingsError, match="SETTLE_TLS_KEY must be set too"):
        Certificates.of(replace(given, tls_key=""))
    with pytest.raises(SettingsError, match="cannot be used"):
        Certificates.of(replace(given, tls_key=str(folder / "client.key")))
    with pytest.raises(SettingsError, match="SETTLE_KAFKA_PASSWORD"):
        security(given)
    with pytest.raises(SettingsError, match="SETTLE_KAFKA_SECURITY needs SETTLE_TLS_CA"):
        security(Settings("order", kafka_security="ssl"))
    known = security(replace(given, environ={"SETTLE_KAFKA_PASSWORD": "secret"}))
    assert (known["security_protocol"], known["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert "secret" not in repr(replace(given, environ={"SETTLE_KAFKA_PASSWORD": "secret"}))
