"""Servers that were given by their address: whether they answer, within seconds, and why not in one line."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeVar

ANSWER_SECONDS_MAX = 5.0
NAME_SECONDS_MAX = 3.0
PORT_MAX = 65_535

T = TypeVar("T")


class Unreachable(Exception):
    """Nobody useful answers there; the message says why."""


def addresses(text: str, port: int) -> list[tuple[str, int]]:
    """The hosts and ports of `host:port,host:port`; a port that is left out is `port`."""
    return [_address(part.strip(), port) for part in text.split(",")]


def _address(text: str, port: int) -> tuple[str, int]:
    host, colon, given = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, given = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (given.isascii() and given.isdigit() and 0 < int(given) <= PORT_MAX):
        raise Unreachable(f"{text!r} is not host:port")
    return host, int(given)


def known(places: Iterable[tuple[str, int]]) -> None:
    """Raise if no name of them is known. In a thread that nobody waits for: a resolver may take its half minute."""
    problems: list[str] = []
    for host, port in places:
        answer: list[str] = []
        asking = threading.Thread(target=_ask, args=(host, port, answer), daemon=True)
        asking.start()
        asking.join(NAME_SECONDS_MAX)
        said = answer[0] if answer else f"{host} is not resolved within {NAME_SECONDS_MAX:.0f} s"
        if not said:
            return
        problems.append(said)
    if problems:
        raise Unreachable("; ".join(problems))


def _ask(host: str, port: int, answer: list[str]) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answer.append(f"{host}: {getattr(error, 'strerror', None) or error}")
    else:
        answer.append("")


def answered(
    ask: Callable[[], Coroutine[None, None, T]], faults: tuple[type[Exception], ...],
    seconds: float = ANSWER_SECONDS_MAX,
) -> T:
    """What the question is answered, in a loop of its own; raises `Unreachable` for these faults, or unanswered."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await ask()

    try:
        return asyncio.run(bounded())
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:.0f} s") from None
    except faults as error:
        raise Unreachable(f"{error}" or type(error).__name__) from error
