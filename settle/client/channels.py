"""How a kit connects: channels on which no proxy of the environment stands between it and the engine."""

import grpc.aio

Option = tuple[str, int | str]
NO_PROXY: Option = ("grpc.enable_http_proxy", 0)
BY_TURNS: Option = ("grpc.lb_policy_name", "round_robin")


def open_channel(target: str, *options: Option) -> grpc.aio.Channel:
    """A channel to an address, or by turns to those of several processes (`ipv4:one,two`); the caller closes it."""
    return grpc.aio.insecure_channel(target, options=[NO_PROXY, BY_TURNS, *options])


def addresses_of(target: str) -> list[str]:
    """Each address of a target by itself."""
    return target.removeprefix("ipv4:").split(",")
