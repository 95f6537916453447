"""How a kit connects: channels on which no proxy of the environment stands between it and the engine, and on which each
call says who calls."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc.aio

from services.runtime.rpc.secured import FreshChannel, channel_credentials, name_of
from settle.client.tokens import Tokens, certificates_of

Option = tuple[str, int | str]
NO_PROXY: Option = ("grpc.enable_http_proxy", 0)
BY_TURNS: Option = ("grpc.lb_policy_name", "round_robin")


def open_channel(target: str, *options: Option, tokens: Tokens | None = None) -> grpc.aio.Channel:
    """A channel to an address, or by turns to those of several processes (`ipv4:one,two`); the caller closes it.

    With `tokens` each call has the token that fits it, over TLS where the engine speaks it.
    """
    told = [NO_PROXY, BY_TURNS, *options]
    if tokens is None:
        return grpc.aio.insecure_channel(target, options=told)
    if tokens.certificates is None:
        return grpc.aio.insecure_channel(target, options=told, interceptors=_known_by(tokens))
    return FreshChannel(tokens.certificates, lambda credentials: grpc.aio.secure_channel(
        target, credentials, options=[*told, *name_of(target)], interceptors=_known_by(tokens)
    ))


def credentials_of(endpoints: Mapping[str, Any]) -> grpc.ChannelCredentials | None:  # Any: the values of a JSON file
    """What a single channel that is closed soon shows to the engine of this endpoints file; None without TLS."""
    certificates = certificates_of(endpoints)
    return None if certificates is None else channel_credentials(certificates.look())


def addresses_of(target: str) -> list[str]:
    """Each address of a target by itself."""
    return target.removeprefix("ipv4:").split(",")


def _known_by(tokens: Tokens) -> Sequence[grpc.aio.ClientInterceptor]:
    def named(details: Any, request: Any) -> Any:  # Any: what grpc hands to its interceptors
        method = details.method.decode() if isinstance(details.method, bytes) else details.method
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *tokens.metadata(method, request))
        return details._replace(metadata=metadata)

    class Unary(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
            return await continuation(named(client_call_details, request), request)

    class Stream(grpc.aio.UnaryStreamClientInterceptor):
        async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
            return await continuation(named(client_call_details, request), request)

    class Exchange(grpc.aio.StreamStreamClientInterceptor):
        async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
            return await continuation(named(client_call_details, None), request)

    return [Unary(), Stream(), Exchange()]
