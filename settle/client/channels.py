"""How a kit connects: channels on which no proxy of the environment stands between it and the engine."""

import grpc.aio

Option = tuple[str, int]
NO_PROXY: Option = ("grpc.enable_http_proxy", 0)


def open_channel(target: str, *options: Option) -> grpc.aio.Channel:
    """A channel to one address; the caller closes it."""
    return grpc.aio.insecure_channel(target, options=[NO_PROXY, *options])
