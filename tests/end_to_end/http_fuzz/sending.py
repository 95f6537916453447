"""Many connections that send what a seed draws, number after number, and note how each was answered."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from settle.client.tokens import Tokens
from tests.end_to_end.http_fuzz.answers import NONE, Answer, flaw, read, reasons_in
from tests.end_to_end.http_fuzz.drafts import Sent, Token
from tests.end_to_end.http_fuzz.made_up import made_up
from tests.end_to_end.http_fuzz.mutations import mutate
from tests.end_to_end.http_fuzz.no_http import damaged
from tests.end_to_end.http_fuzz.valid import valid

CONNECTIONS = 64
ANSWER_SECONDS_MAX = 60.0
TOKEN_SECONDS = 300.0
WRONG_MAX = 50
"""So many that went wrong are kept as they were sent."""
MADE_UP, UNTOUCHED, NO_HTTP = 0.15, 0.15, 0.03
"""The shares of requests that are no mutation: made up, valid as they are, and damaged on the wire."""


@dataclass(slots=True)
class Told:
    """How requests were answered: by status, by reason, and those that went wrong: number, what, and as sent."""

    statuses: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str, bytes]] = field(default_factory=list)
    count: int = 0
    slowest_seconds: float = 0.0

    def note(self, number: int, sent: Sent, answer: Answer, seconds: float) -> None:
        """One was answered, or should have been."""
        self.count += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        self.statuses[answer.status] += 1
        if answer is NONE and sent.silent:
            return
        if found := flaw(answer, sent.bodiless, sent.hurried):
            self.fail(number, f"{found} {answer.body[:200]!r}", sent)
        elif answer.status >= 400:
            self.reasons.update(reasons_in(answer))

    def fail(self, number: int, what: str, sent: Sent) -> None:
        """This one went wrong."""
        if len(self.wrong) < WRONG_MAX:
            self.wrong.append((number, what, sent.packed[:2_000]))


def drawn(seed: int, number: int, host: str, token: Token) -> Sent:
    """The request with this number."""
    draw = random.Random(f"{seed}/{number}")
    share = draw.random()
    if share < MADE_UP:
        return Sent(made_up(draw, token).packed(host))
    draft = valid(draw, number, token)
    if share < MADE_UP + NO_HTTP:
        return damaged(draw, draft, host)
    if share > MADE_UP + NO_HTTP + UNTOUCHED:
        mutate(draw, draft)
    return Sent(draft.packed(host))


def renewed(tokens: Tokens) -> Token:
    """Tokens that are made anew before they end."""
    kept: dict[tuple[tuple[str, ...], str], tuple[float, str]] = {}

    def token(roles: Sequence[str], subject: str) -> str:
        roles = tuple(roles)
        until, known = kept.get((roles, subject), (0.0, ""))
        if until < time.monotonic():
            known = tokens.token(*roles, subject=subject)
            kept[roles, subject] = time.monotonic() + min(TOKEN_SECONDS, tokens.seconds_max / 2), known
        return known

    return token


async def fuzz(url: str, numbers: Iterator[int], seed: int, token: Token, told: Told | None = None) -> Told:
    """Send those with these numbers, over many connections at a time."""
    address, heard = urlsplit(url), told or Told()
    line = Line(str(address.hostname), int(address.port or 80), seed, token, heard)
    await asyncio.gather(*(line.send_all(numbers) for _ in range(CONNECTIONS)))
    return heard


@dataclass(frozen=True, slots=True)
class Line:
    """Where requests go, and who hears of their answers."""

    host: str
    port: int
    seed: int
    token: Token
    told: Told

    async def send_all(self, numbers: Iterator[int]) -> None:
        """One connection after another, each for as long as the gateway keeps it."""
        while (number := next(numbers, None)) is not None:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                while number is not None and await self._send(reader, writer, number):
                    number = next(numbers, None)
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Send it and note its answer; whether the connection may be used again."""
        sent, began = drawn(self.seed, number, f"{self.host}:{self.port}", self.token), time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await _answered(reader, writer, sent)
        except TimeoutError:
            self.told.fail(number, "no answer in time", sent)
            return False
        self.told.note(number, sent, answer, time.monotonic() - began)
        return answer.stays and not sent.ends


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent) -> Answer:
    try:
        writer.write(sent.packed)
        if sent.silent and writer.can_write_eof():
            writer.write_eof()
        return await read(reader, sent.bodiless)
    except (ConnectionError, asyncio.IncompleteReadError):
        return NONE
