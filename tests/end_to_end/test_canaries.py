"""No code of a card leaves the vault: codes that are canaries go every way there is, and are looked for everywhere.

In every table of every database, what Kafka keeps, every log, the answers of calls and the words of errors; as text, as
hexadecimal and as base64, for that is how bytes are shown.
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest

from settle.client.channels import open_channel
from settle.client.tokens import Tokens
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.card_redemption.v1 import card_service_pb2_grpc as rpc
from settlement.card_redemption.v1 import redemption_service_pb2 as redemption
from settlement.card_redemption.v1 import redemption_service_pb2_grpc as redemption_rpc
from settlement.common.v1 import money_pb2
from tests.end_to_end.canaries import DIGITS, Chorus
from tests.end_to_end.test_one_engine import began, data, ended  # noqa: F401  # `data` is a fixture

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(400)]

GIVEN, MALFORMED, FOREIGN, GUESSED = "CANARY7GIVEN0001", "CANARY7-bad!", "CANARY7FOREIGN02", "CANARY7GUESSED03"
_INDEXES = (".index", ".timeindex")
_TABLES = """select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables
             where table_type = 'BASE TABLE' and table_schema = 'public'"""


def test_no_code_is_anywhere(data: Path) -> None:  # noqa: F811  # the fixture
    """After every call that takes one, done and refused."""
    started = ended(began(data, "up", "--detach", "--clock", "manual"))
    assert started[1] == 0, started
    running = json.loads((data / "endpoints.json").read_text())

    canaries, said = asyncio.run(sing(running["services"]["card_redemption"]["target"], Tokens.of(running)))
    chorus = asyncio.run(sung(running))
    canaries, said = [*canaries, *chorus.codes], [*said, *chorus.said]
    found = list(asyncio.run(searched([each["dsn"] for each in running["services"].values()], canaries)))
    found += searched_files(data, canaries)

    assert said
    assert [each for each in said if any(canary in each for canary in canaries)] == []
    assert found == []


async def sung(running: dict[str, Any]) -> Chorus:  # Any: the values of a JSON file
    """What providers, strangers, broken rows and the gateway make of codes."""
    chorus = Chorus(running)
    await chorus.sing()
    return chorus


async def sing(target: str, tokens: Tokens | None) -> tuple[list[str], list[str]]:
    """Take codes every way there is; the codes, and all that errors said. Only `RevealCode` answers with a code."""
    said: list[str] = []
    async with open_channel(target, tokens=tokens) as channel:
        cards, redemptions = rpc.CardServiceStub(channel), redemption_rpc.RedemptionServiceStub(channel)

        async def call(method: Any, request: Any) -> Any:  # Any: of as many methods as there are
            request.request_id = str(uuid4())
            try:
                answer = await method(request, timeout=20)
            except grpc.aio.AioRpcError as error:
                said.append(f"{error.code()} {error.details()} {error.trailing_metadata()}")
                return None
            said.extend([] if isinstance(answer, pb.RevealCodeResponse) else [str(answer)])
            return answer

        face = money_pb2.Money(minor_units=5_000, currency_code="CNY")
        for code in (GIVEN, GIVEN, MALFORMED):
            card_id = f"crd_{uuid4().hex}"
            issued = pb.IssueCardRequest(card_id=card_id, customer_id="cus_1", face=face, code=code, inactive=True)
            if await call(cards.IssueCard, issued) is not None:
                kept = card_id
        for code in (GUESSED, MALFORMED, "x" * 65):
            await call(cards.ActivateCard, pb.ActivateCardRequest(customer_id="cus_2", code=code))
            await call(cards.ActivateTransfer, pb.ActivateTransferRequest(receiver_id="cus_2", code=code))
        await call(cards.ActivateCard, pb.ActivateCardRequest(customer_id="cus_1", code=GIVEN))
        shown = await call(cards.RevealCode, pb.RevealCodeRequest(card_id=kept, customer_id="cus_1"))
        for code in (GIVEN, FOREIGN, MALFORMED):
            await call(redemptions.PrepareRedemption, redemption.PrepareRedemptionRequest(
                customer_id="cus_1", code=code, verification_code=DIGITS, declared=face, channel="KAQUANMAO",
                issuer="" if code == GIVEN else "OTHER",
            ))
        await call(cards.TransferCard, pb.TransferCardRequest(card_id=kept, customer_id="cus_1", receiver_id="cus_3"))
        await call(cards.ActivateTransfer, pb.ActivateTransferRequest(receiver_id="cus_3", code=GIVEN))
        again = await call(cards.RevealCode, pb.RevealCodeRequest(card_id=kept, customer_id="cus_3"))
    codes = [GIVEN, MALFORMED, FOREIGN, GUESSED, DIGITS]
    return [*codes, *(answer.code for answer in (shown, again) if answer is not None)], said


async def searched(dsns: Sequence[str], canaries: Sequence[str]) -> list[str]:
    """Where a canary stands in a database."""
    patterns, found = _patterns(canaries), []
    for dsn in dsns:
        connection = await asyncpg.connect(dsn)
        for (table,) in await connection.fetch(_TABLES):
            for (row,) in await connection.fetch(f"select t::text from {table} t"):
                found += [f"{table}: {row[:200]}" for pattern in patterns if pattern.search(row)]
        await connection.close()
    return found


def searched_files(data: Path, canaries: Sequence[str]) -> Iterator[str]:  # noqa: F811  # as above
    """Where a canary stands in a log, or in what Kafka keeps; its indexes hold numbers, and are mostly empty."""
    patterns = [re.compile(pattern.pattern.encode()) for pattern in _patterns(canaries)]
    for path in data.rglob("*"):
        if path.is_file() and path.suffix not in _INDEXES and "postgres" not in path.relative_to(data).parts:
            content = path.read_bytes()
            yield from (path.name for pattern in patterns if pattern.search(content))


def _patterns(canaries: Sequence[str]) -> list[re.Pattern[str]]:
    """A canary as text, in hexadecimal and in base64, at every place of three; digits only where they stand alone."""
    patterns = []
    for canary in canaries:
        if canary.isdecimal():
            patterns.append(re.compile(rf"(?<![0-9A-Za-z]){canary}(?![0-9A-Za-z])"))
            continue
        raw = canary.encode()
        coded = [base64.b64encode(b"\0" * place + raw).decode()[4:-4] for place in range(3)]
        patterns.append(re.compile("|".join(map(re.escape, (canary, raw.hex(), *coded)))))
    return patterns


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A search that finds nothing is not trusted."""
    raw = GIVEN.encode()
    for name, content in (
        ("text", raw), ("hex", raw.hex().encode()), ("base64", base64.b64encode(b"ab" + raw + b"c")),
        ("digits", b"code=739184,"), ("none", b"id 4739184f"),
    ):
        (tmp_path / name).write_bytes(content)

    assert sorted(searched_files(tmp_path, [GIVEN, DIGITS])) == ["base64", "digits", "hex", "text"]
