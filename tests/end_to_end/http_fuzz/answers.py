"""What an answer has to be, whatever was asked: no 5xx, and a refusal says why in the words of the contract."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from settlement.common.v1.error_reason_pb2 import ErrorReason

REASONS = {value.name.removeprefix("ERROR_REASON_") for value in ErrorReason.DESCRIPTOR.values}
"""All that the contract has."""
_STATUS = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; `status` 0 is none."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def stays(self) -> bool:
        """Whether its connection may be used again."""
        return self.status != 0 and self.headers.get(b"connection") != b"close"


NONE = Answer(0, {}, b"")


async def read(reader: asyncio.StreamReader, bodiless: bool) -> Answer:
    """The next answer; `NONE` where the connection ends instead."""
    line = await reader.readline()
    if not line:
        return NONE
    status, headers = int(line.split()[1]), await _headers(reader)
    if status == 100:
        return await read(reader, bodiless)
    if bodiless or status in (204, 304):
        return Answer(status, headers, b"")
    if headers.get(b"transfer-encoding") == b"chunked":
        return Answer(status, headers, await _chunks(reader))
    return Answer(status, headers, await reader.readexactly(int(headers.get(b"content-length", b"0"))))


async def _headers(reader: asyncio.StreamReader) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while line := (await reader.readline()).strip():
        name, _, text = line.partition(b":")
        found[name.lower()] = text.strip()
    return found


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Of a stream of events, which ends by itself."""
    parts = []
    while length := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(length))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


def flaw(answer: Answer, bodiless: bool, hurried: bool = False) -> str:
    """What is wrong with it; empty if nothing is. Whoever is `hurried` gave the call little time himself."""
    if not 200 <= answer.status < 500 and not (answer.status == 504 and hurried):
        return f"status {answer.status}"
    if answer.status < 400 or bodiless:
        return ""
    if answer.status == 429 and not answer.headers.get(b"retry-after", b"").isdigit():
        return "429 without Retry-After"
    reasons = reasons_in(answer)
    return "" if len(reasons) == 1 and reasons[0] in REASONS else f"a refusal without a reason: {reasons}"


def reasons_in(answer: Answer) -> list[str]:
    """The reasons that a refusal gives, as a google.rpc.Status has them; none of what is no such."""
    try:
        said: Any = json.loads(answer.body)
        return [
            detail["reason"] for detail in said["details"]
            if detail["@type"] == f"{_STATUS}ErrorInfo" and detail["domain"] == "settlement"
        ]
    except (ValueError, KeyError, TypeError):
        return []
