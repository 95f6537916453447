"""gRPC over TLS: a server that asks for certificates, and channels that take new ones while they are used (G13).

gRPC reads a channel's certificate once, when it is made. So a channel here is one over channels: calls go to the one
with the present certificates, and the one before ends its calls first.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import grpc

from services.kernel.errors import PermissionDenied
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates, Pems

DRAIN_SECONDS = 30.0
"""How long a channel with certificates of before may still finish its calls."""
_NAMES = "x509_subject_alternative_name"
Open = Callable[[grpc.ChannelCredentials], grpc.aio.Channel]


def server_credentials(certificates: Certificates, *, clients: bool) -> grpc.ServerCredentials:
    """What a server shows, asked for at each handshake; `clients` have to show a certificate of the authority."""
    last = certificates.pems

    def present() -> grpc.ServerCertificateConfiguration | None:
        nonlocal last
        pems = certificates.look()
        if pems is last:
            return None
        last = pems
        return _configuration(pems)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(last), present,  # type: ignore[arg-type]  # None says that nothing changed
        require_client_authentication=clients,
    )


def _configuration(pems: Pems) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pems.key, pems.certificate)], root_certificates=pems.ca)


def name_of(target: str) -> list[tuple[str, str]]:
    """The option by which several addresses (`ipv4:one,two`) are held to the host of the first; one needs none."""
    kind, listed, rest = target.partition("ipv4:")
    return [("grpc.ssl_target_name_override", rest.split(",")[0].rpartition(":")[0])] if listed and not kind else []


class Peers:
    """Whose certificates may call; with no name, whoever the authority signed, or whoever there is without TLS."""

    def __init__(self, settings: Settings) -> None:
        self._names = frozenset(filter(None, map(str.strip, settings.tls_peers.split(","))))

    def check(self, context: Any) -> None:  # Any: grpc's context has no type for this
        """Raise `PermissionDenied` for somebody else's certificate."""
        if self._names and not _named(context, self._names):
            raise PermissionDenied("PEER_NOT_ALLOWED", "the certificate of the connection is nobody's who may call")


def _named(context: Any, names: Collection[str]) -> bool:  # Any: as above
    """Whether the certificate of the connection has one of these names; a caller's without any is known by others. All
    that a connection proved, its certificate among it, is put together anew by each question for it."""
    proven = context.peer_identities() if context.peer_identity_key() == _NAMES else None
    return any(name.decode(errors="replace") in names for name in proven or ())


class FreshChannel(grpc.aio.Channel):
    """A channel over the one with the present certificates; `open` makes one."""

    def __init__(self, certificates: Certificates, open_with: Open) -> None:
        self._certificates, self._open = certificates, open_with
        self._pems = certificates.pems
        self._channel = open_with(channel_credentials(self._pems))
        self._ending: set[asyncio.Task[None]] = set()

    def _present(self) -> grpc.aio.Channel:
        pems = self._certificates.look()
        if pems is not self._pems:
            before, self._pems, self._channel = self._channel, pems, self._open(channel_credentials(pems))
            ending = asyncio.create_task(before.close(DRAIN_SECONDS))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        return self._channel

    def unary_unary(self, method: str, *given: Any, **named: Any) -> Any:  # Any: as grpc has it
        """A method of one answer."""
        return self._method("unary_unary", method, given, named)

    def unary_stream(self, method: str, *given: Any, **named: Any) -> Any:  # Any: as grpc has it
        """A method of a stream of answers."""
        return self._method("unary_stream", method, given, named)

    def stream_unary(self, method: str, *given: Any, **named: Any) -> Any:  # Any: as grpc has it
        """A method that takes a stream."""
        return self._method("stream_unary", method, given, named)

    def stream_stream(self, method: str, *given: Any, **named: Any) -> Any:  # Any: as grpc has it
        """A method of streams."""
        return self._method("stream_stream", method, given, named)

    def _method(self, kind: str, method: str, given: Sequence[Any], named: Mapping[str, Any]) -> Callable[..., Any]:
        """The method on whichever channel is the present one when it is called."""
        made: tuple[grpc.aio.Channel, Any] | None = None

        def call(*request: Any, **options: Any) -> Any:
            nonlocal made
            channel = self._present()
            if made is None or made[0] is not channel:
                made = channel, getattr(channel, kind)(method, *given, **named)
            return made[1](*request, **options)

        return call

    async def close(self, grace: float | None = None) -> None:
        """End it, and what is still ending."""
        for ending in self._ending:
            ending.cancel()
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """How the present one is."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Until the present one is otherwise."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Until the present one is connected."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> "FreshChannel":
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:  # Any: as grpc has it
        await self.close()


def channel_credentials(pems: Pems) -> grpc.ChannelCredentials:
    """What a client shows, for one channel."""
    return grpc.ssl_channel_credentials(pems.ca, pems.key, pems.certificate)
