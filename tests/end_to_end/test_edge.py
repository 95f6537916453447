"""The engine's edge: the README's HTTP calls, what a fuzzer sends, and events as somebody else's program reads them."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from services.access import ROLES
from settle.audit import auditor, telling
from settle.client.tokens import Tokens
from settle.local.endpoints import acquirer_of, dsns_of, gateway_of
from settle.local.jars import KAFKA_VERSION, java
from settle.local.stack import LocalStack
from tests.end_to_end.http_fuzz.sending import fuzz, renewed

ORDER_EVENTS = "settlement.order.events.v1"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>settle</groupId><artifactId>reader</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{KAFKA_VERSION}</version>
</dependency></dependencies></project>
"""
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("SETTLE_HTTP_EXAMPLES", "8"))
"""How many requests schemathesis makes up for each operation, beside those that the document's bounds suggest: about
9,500 in all."""
FUZZED = int(os.environ.get("SETTLE_HTTP_FUZZED", "1000"))
"""How many requests of our own making; with the others the check sends more than 20,000, the full run a million."""
REASONS = {
    "INVALID_ARGUMENT", "MALFORMED_BODY", "CONTRADICTION", "UNKNOWN_METHOD", "METHOD_NOT_ALLOWED", "MESSAGE_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE", "UNAUTHENTICATED", "PERMISSION_DENIED", "ORDER_NOT_FOUND", "ACCOUNT_EXISTS",
}
"""Of every kind, from the first byte to the last decision."""
pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(FUZZED // 40 + 400)]


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Mapping[str, Any]]:
    """An engine with two processes of each service and a gateway, in a folder from which the README's lines are run."""
    folder = Path(tempfile.mkdtemp(prefix="settle-http-"))
    try:
        with LocalStack(folder / ".run", durable=False, processes=2, gateway=True) as stack:
            yield stack.endpoints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def test_the_readme_example(endpoints: Mapping[str, Any]) -> None:
    """Its lines as they stand there, by a shell."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    [lines] = re.findall(r"### Over HTTP.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    folder = Path(endpoints["data"]).parent
    (folder / "bin").mkdir()
    (folder / "bin" / "settle").write_text(f'#!/bin/sh\nexec {sys.executable} -m settle.cli "$@"\n')
    (folder / "bin" / "settle").chmod(0o755)

    done = await asyncio.to_thread(_run, ["bash", "-euc", lines], folder, 120)

    assert (done.returncode, done.stderr) == (0, "")
    assert '"state": "SETTLEMENT_STATE_DONE"' in done.stdout
    assert done.stdout.count("event: end") == 1
    assert '"availableLimit": {"minorUnits": "500000", "currencyCode": "CNY"}' in done.stdout
    report = await auditor.audit(dsns_of(endpoints), strict=True, acquirer=acquirer_of(endpoints))
    assert report.clean, telling.as_text(report)


async def test_events_are_read_with_nothing_of_ours(endpoints: Mapping[str, Any], tmp_path: Path) -> None:
    """Kafka's own console consumer prints key and headers of every event; count and sequences are the database's."""
    if endpoints["broker"]["kind"] != "kafka":
        pytest.skip("there is no Apache Kafka")
    printed = await asyncio.to_thread(_console, endpoints["broker"]["bootstrap"], ORDER_EVENTS, tmp_path)
    stored = await _stored(endpoints)

    assert {(row["key"], row["ce_sequence"], row["ce_type"]) for row in printed} == stored
    assert all(row["ce_id"] == f"{row['key']}/{row['ce_sequence']}" for row in printed)
    assert _ordered(printed)


async def test_settle_events_tail_shows_the_same(endpoints: Mapping[str, Any]) -> None:
    """With the values decoded."""
    command = [sys.executable, "-m", "settle.cli", "events", "tail", "--service", "order", "--from", "2020-01-01"]

    done = await asyncio.to_thread(
        _run, [*command, "--no-follow", "--data", endpoints["data"]], ROOT, 60
    )

    records = [json.loads(line) for line in done.stdout.splitlines()]
    shown = {(row["key"], row["headers"]["ce_sequence"], row["headers"]["ce_type"]) for row in records}
    assert (done.returncode, shown) == (0, await _stored(endpoints)), done.stderr
    assert all(row["value"]["order_id"] for row in records)


async def _stored(endpoints: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Key, number and type of every event of the order service."""
    connection = await asyncpg.connect(dsns_of(endpoints)["order"])
    rows = await connection.fetch("select aggregate_id, sequence, type from events")
    await connection.close()
    assert rows
    return {(row["aggregate_id"], str(row["sequence"]), row["type"]) for row in rows}


def _console(bootstrap: str, topic: str, folder: Path) -> list[dict[str, str]]:
    """What the console consumer prints, a line for each record: headers, then the key."""
    (folder / "pom.xml").write_text(POM)
    fetched = _run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"], folder, 300)
    assert fetched.returncode == 0, fetched.stdout
    reader = [
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic,
        "--from-beginning", "--timeout-ms", "8000", "--property", "print.headers=true", "--property", "print.key=true",
        "--property", "print.value=false",
    ]
    done = _run(java(folder / "libs", *reader), folder, 120)
    return [_row(line) for line in done.stdout.splitlines() if line.startswith("ce_")]


def _row(line: str) -> dict[str, str]:
    headers, key = line.split("\t")
    return dict(header.split(":", 1) for header in headers.split(",")) | {"key": key}


def _ordered(rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether each aggregate's events come in their order, without a gap."""
    last: dict[str, int] = {}
    for row in rows:
        number = int(row["ce_sequence"])
        if number > last.get(row["key"], 0) + 1:
            return False
        last[row["key"]] = max(number, last.get(row["key"], 0))
    return True


def _run(command: Sequence[str], folder: Path, seconds: float) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"no_proxy": "127.0.0.1"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=seconds
    )


def test_a_fuzzer_meets_no_error_of_ours(endpoints: Mapping[str, Any]) -> None:
    """What it makes up is refused by its reason: each status below 500, or as the document says it."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{gateway_of(endpoints)}/openapi.json", "--no-color",
        "--checks", "not_a_server_error,content_type_conformance", "--phases", "coverage,fuzzing",
        "--max-examples", str(EXAMPLES), "--seed", "7", "--header", f"Authorization: Bearer {_token(endpoints)}",
    ]

    done = _run(command, Path(endpoints["data"]), 380)

    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-1_000:]
    assert _parked(endpoints) == []


async def test_requests_that_nobody_should_send(endpoints: Mapping[str, Any]) -> None:
    """Valid ones of every role with something wrong, made-up ones, and what is no HTTP: none ends in a 5xx, without an
    answer or without a reason, none is parked, and the books are as they should be."""
    tokens = Tokens.of(endpoints)
    assert tokens is not None

    told = await fuzz(gateway_of(endpoints), iter(range(FUZZED)), seed=7, token=renewed(tokens))

    assert told.wrong == []
    assert told.count == FUZZED
    assert told.reasons.keys() >= REASONS, "what is sent never gets beyond the door"
    assert await asyncio.to_thread(_parked, endpoints) == []
    report = await auditor.audit(dsns_of(endpoints), strict=False, acquirer=acquirer_of(endpoints))
    assert report.clean, telling.as_text(report)


async def test_a_command_on_what_was_seen(endpoints: Mapping[str, Any]) -> None:
    """The ETag that a read showed is what a command may be held to; another one has it do nothing."""
    known = {"Authorization": f"Bearer {_token(endpoints)}"}
    async with httpx2.AsyncClient(
        base_url=gateway_of(endpoints), trust_env=False, timeout=60, headers=known
    ) as http:
        shop = Caller(http)
        limit = {"minorUnits": 500_000, "currencyCode": "CNY"}
        await shop.post("/v1/accounts", {"accountId": "acc_seen", "customerId": "seen", "limit": limit})
        await shop.post("/v1/orders", {
            "orderId": "ord_seen", "customerId": "seen", "merchantId": "books", "accountId": "acc_seen",
            "lines": [{"lineId": "L1", "quantity": 1, "unitPrice": {"minorUnits": 4500, "currencyCode": "CNY"}}],
            "tenders": [{"type": "TENDER_TYPE_CREDIT", "amount": {"minorUnits": 4500, "currencyCode": "CNY"}}],
            "creditTerms": {"plan": "PLAN_TYPE_DEFERRED"}, "waitTimeout": "20s",
        })
        tag = (await http.get("/v1/orders/ord_seen")).headers["ETag"]
        cancel, body = "/v1/orders/ord_seen:cancel", {"reason": "CANCEL_REASON_NOT_WANTED", "waitTimeout": "20s"}

        stale = await shop.post(cancel, body, seen=f'"{int(tag.strip(chr(34))) - 1}"')
        unchanged = await http.get("/v1/orders/ord_seen")
        done = await shop.post(cancel, body, seen=tag)

    assert (stale.status_code, "STALE_VERSION" in stale.text, unchanged.headers["ETag"]) == (412, True, tag)
    assert (done.status_code, done.json()["settlement"]["state"]) == (200, "SETTLEMENT_STATE_DONE")


class Caller:
    """Whoever calls commands over HTTP, each under a key of its own."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def post(self, path: str, body: Mapping[str, Any], seen: str | None = None) -> httpx2.Response:
        """Call it, as long as the thing is as it was seen."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"If-Match": seen} if seen else {})
        return await self._http.post(path, json=body, headers=headers)


def _token(endpoints: Mapping[str, Any]) -> str:
    """Of somebody who may do everything."""
    tokens = Tokens.of(endpoints)
    assert tokens is not None
    return tokens.token(*ROLES)


def _parked(endpoints: Mapping[str, Any]) -> list[Any]:
    known = {"Authorization": f"Bearer {_token(endpoints)}"}
    with httpx2.Client(base_url=gateway_of(endpoints), trust_env=False, headers=known) as http:
        messages: list[Any] = http.get("/v1/order/operations/parked").json()["messages"]
        return messages
