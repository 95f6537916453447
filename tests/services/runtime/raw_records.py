"""Records as anybody may write them, and what a running service of counters made of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from services.kernel.decision import Decision, Known, rule, rules
from services.kernel.messages import Message
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import make_producer
from services.runtime.process import Process
from services.runtime.service import Service
from services.runtime.stored.inbox import Answered
from tests.services.runtime.counters import CODEC, SERVICE, Add, Counter

PARTITIONS = 2
COMMANDS, EVENTS = "settlement.counter.commands.v1", "settlement.counter.events.v1"
TOPICS = (COMMANDS, EVENTS, "settlement.order.replies.v1")
TYPE = b"google.protobuf.Int64Value"
CRC_AT = 17
"""Where a batch of records has the checksum of all that follows."""

Raw = tuple[bytes | None, Sequence[tuple[str, bytes | None]], bytes | None]
"""Key, headers and value of a record, as anybody may write them."""
Running = Callable[[Service], AbstractAsyncContextManager[Process]]
"""Runs a service for a block; no task of it may end."""


def command(number: int, key: bytes | None = b"poison", **changed: bytes | None) -> Raw:
    """A command of a saga; a header that is `changed` to `...` is left out."""
    headers: dict[str, bytes | None] = {
        "ce_type": TYPE, "ce_id": f"s{number}/counter/E".encode(), "ce_saga": f"s{number}".encode(),
        "ce_branch": b"counter", "ce_op": b"E", "ce_replyto": b"order/ord_1", **changed,
    }
    return key, list(headers.items()), CODEC.encode(Add(1))[1]


def notice(identity: str, key: bytes, amount: int) -> Raw:
    """A message of no saga: nobody waits for it."""
    return key, [("ce_type", TYPE), ("ce_id", identity.encode())], CODEC.encode(Add(amount))[1]


async def send(local: Settings, *records: Raw, partition: int = 0) -> None:
    """Append to one partition, as a sender of nobody's."""
    producer = make_producer(local)
    await producer.start()
    sent = [
        await producer.send(COMMANDS, value, key, partition, headers=list(headers)) for key, headers, value in records
    ]
    await asyncio.gather(*sent)
    await producer.stop()


async def fetch(local: Settings, query: str, *values: object) -> list[tuple[object, ...]]:
    """Ask the database."""
    connection = await asyncpg.connect(local.dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


def holds(local: Settings, query: str, *values: object) -> Callable[[], Awaitable[bool]]:
    """Whether the query answers true."""

    async def ask() -> bool:
        return bool((await fetch(local, query, *values))[0][0])

    return ask


def add(process: Process, key: str, amount: int = 1) -> "asyncio.Future[Answered]":
    """Submit a call as the edge does."""
    request_id = str(uuid4())
    return process._lanes.submit(Message(request_id, key, Add(amount), request_id), b"", 30.0)


def lost() -> float:
    """How many sessions were lost in this process so far."""
    return float(metrics.SESSIONS_LOST._value.get())


def counting(decide: Callable[[Known, Add, Message, datetime], Decision]) -> Service:
    """Counters that are decided by another rule."""
    return replace(SERVICE, rules=rules(rule(Add, lambda body, message: ((Counter, message.key),), decide)))


async def send_spoiled(local: Settings, *records: Raw) -> None:
    """Append one batch in which the header name `spoiled` is no text on the wire."""
    producer = AIOKafkaProducer(bootstrap_servers=local.kafka)
    await producer.start()
    batch = producer.create_batch()
    for key, headers, value in records:
        batch.append(timestamp=None, key=key, value=value, headers=list(headers))
    written = bytearray(batch._build().replace(b"spoiled", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9"))
    written[CRC_AT : CRC_AT + 4] = calc_crc32c(bytes(written[CRC_AT + 4 :])).to_bytes(4, "big")
    batch._buffer = bytes(written)
    await (await producer.send_batch(batch, COMMANDS, partition=0))
    await producer.stop()
