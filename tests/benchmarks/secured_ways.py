"""Prints what TLS costs on each way: `python -m tests.benchmarks.secured_ways [TURNS]`.

The same work in clear text and over TLS by turns, in CPU of our end and of the server's. It says the same on a busy
machine, where the engines of `tests.benchmarks.identity` cannot be compared, and takes apart what that finds in all.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates
from services.runtime.kafka.clients import make_consumer
from services.runtime.kafka.sender import Sender
from services.runtime.rpc.secured import channel_credentials, server_credentials
from settle.local import kafka, postgres
from settle.local.secured import Secured

TURNS = 4
ROUNDS, WARM_UP_ROUNDS = 1_500, 100
BURSTS = 150
SLICES = 15
"""What is spent is looked at in so many parts."""
PARTITIONS, RECORDS = 16, 3
"""What a batch sends goes to so many partitions, so many records to each."""
PAUSE_SECONDS = 0.02
BATCH_BYTES = 100_000
"""What a batch of ten settlements writes."""
CALLS_AT_A_TIME = 64
TOPIC = "settlement.order.replies.v1"
HEADERS = [(f"ce_header{number}", b"x" * 24) for number in range(10)]
"""Like those of a command."""
ANSWER = b"x" * 300
CLEAR, SECURED = "in clear text", "over TLS"

Round = Callable[[], Awaitable[object]]
Ends = tuple[float, float]
"""Microseconds of CPU for one round, at our end and at the server's."""


@dataclass(frozen=True, slots=True)
class Side:
    """The servers of one form, and how a client of theirs is set up."""

    name: str
    postgres: postgres.Postgres
    broker: kafka.Broker
    settings: Settings


async def main(folder: Path, turns: int) -> None:
    """Measure every way, and print a line for each."""
    found: dict[str, dict[str, list[Ends]]] = {}
    with ExitStack() as started:
        sides = [started.enter_context(_side(folder, secured)) for secured in (False, True)]
        for turn in range(turns):
            for side in sides[:: -1 if turn % 2 else 1]:
                async for way, ends in _measured(side):
                    found.setdefault(way, {}).setdefault(side.name, []).append(ends)
    for way, forms in found.items():
        told = [f"{name} {{:.0f}} and {{:.0f}}".format(*_middle(forms[name])) for name in (CLEAR, SECURED)]
        sys.stdout.write(f"{way}: us of CPU here and at the server, {', '.join(told)}\n")


def _middle(each: list[Ends]) -> Ends:
    ours, theirs = zip(*each, strict=True)
    return statistics.median(ours), statistics.median(theirs)


@contextmanager
def _side(folder: Path, secured: bool) -> Iterator[Side]:
    data = folder / ("secured" if secured else "clear")
    data.mkdir(mode=0o755)
    known = Secured.of(data) if secured else None
    server, broker = postgres.make(data, durable=True, secured=known), kafka.make("kafka", data, known)
    try:
        server.start()
        broker.start()
        environ = {"SETTLE_KAFKA": broker.bootstrap} | (known.environ("order", kafka=True) if known else {})
        yield Side(SECURED if secured else CLEAR, server, broker, Settings.from_environ(environ, "order"))
    finally:
        broker.stop()
        server.stop()


async def _measured(side: Side) -> AsyncIterator[tuple[str, Ends]]:
    connection = await asyncpg.connect(side.postgres.dsn)
    backend = await connection.fetchval("select pg_backend_pid()")
    for way, question, given in (
        ("a round trip to PostgreSQL", "select 1", ()),
        ("the writes of a batch", "select length($1::bytea)", (os.urandom(BATCH_BYTES),)),
    ):
        asked = await connection.prepare(question)
        yield way, await _spent(partial(asked.fetch, *given), ROUNDS, backend)
    await connection.close()
    async with _called(side) as (round_of_calls, calls):
        ours, theirs = await _spent(round_of_calls, ROUNDS // calls, None)
        yield "a call, both its ends", (ours / calls, theirs)
    assert side.broker.child is not None
    async with _heard(side) as (send, consumer):
        yield f"{PARTITIONS * RECORDS} records sent and heard", await _spent(
            partial(_send_and_hear, send, consumer), BURSTS, side.broker.child.pid
        )


async def _spent(once: Round, rounds: int, server: int | None) -> Ends:
    for _ in range(WARM_UP_ROUNDS if rounds > BURSTS else 10):
        await once()
    return _calm([await _slice_spent(once, max(1, rounds // SLICES), server) for _ in range(SLICES)])


async def _slice_spent(once: Round, rounds: int, server: int | None) -> Ends:
    before, theirs_before = time.process_time(), _cpu_seconds(server)
    for _ in range(rounds):
        await once()
    ours, theirs = time.process_time() - before, _cpu_seconds(server) - theirs_before
    return ours / rounds * 1e6, theirs / rounds * 1e6


def _calm(slices: list[Ends]) -> Ends:
    """What a quarter of them came below: who else has the machine makes the others dearer, and never one cheaper."""
    ours, theirs = (sorted(each)[len(slices) // 4] for each in zip(*slices, strict=True))
    return ours, theirs


def _cpu_seconds(pid: int | None) -> float:
    """Of all threads, finer than the ticks of `stat`."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir() if pid else ():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended just now
            found += int((task / "schedstat").read_text().split()[0])
    return found / 1e9


@asynccontextmanager
async def _called(side: Side) -> AsyncIterator[tuple[Round, int]]:
    """A server of gRPC as ours are, and so many calls of it at a time."""
    certificates, server = Certificates.of(side.settings), grpc.aio.server()
    server.add_generic_rpc_handlers((_Answering(),))
    if certificates is None:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    else:
        port = server.add_secure_port("127.0.0.1:0", server_credentials(certificates, clients=True))
        channel = grpc.aio.secure_channel(f"127.0.0.1:{port}", channel_credentials(certificates.pems))
    await server.start()
    call: Any = channel.unary_unary("/a/b")  # Any: grpc's has the types of requests, and these are bytes
    token = (("authorization", "Bearer " + "x" * 400),)

    async def calls() -> None:
        await asyncio.gather(*(call(ANSWER, metadata=token) for _ in range(CALLS_AT_A_TIME)))

    yield calls, CALLS_AT_A_TIME
    await channel.close()
    await server.stop(None)


class _Answering(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # Any: a handler of whatever types
        """Whatever was asked, the same is answered."""
        return grpc.unary_unary_rpc_method_handler(_answer)


async def _answer(_request: bytes, _context: object) -> bytes:
    return ANSWER


@asynccontextmanager
async def _heard(side: Side) -> AsyncIterator[tuple[Round, AIOKafkaConsumer]]:
    """A producer and a consumer as services have them; what the producer sends at a time."""
    sender, consumer = Sender(side.settings), make_consumer(side.settings)
    await sender.start()
    await consumer.start()
    await sender.look_up([TOPIC])
    places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)

    async def send() -> None:
        await asyncio.gather(*[(await sender.append(place, _records(place)))[1] for place in places])

    yield send, consumer
    await consumer.stop()
    await sender.close()


def _records(place: TopicPartition) -> list[Outgoing]:
    return [Outgoing(place.topic, place.partition, "x" * 36, HEADERS, ANSWER) for _ in range(RECORDS)]


async def _send_and_hear(send: Round, consumer: Any) -> None:  # Any: aiokafka has no types
    await send()
    heard = 0
    while heard < PARTITIONS * RECORDS:
        heard += sum(map(len, (await consumer.getmany(timeout_ms=1_000)).values()))
    await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="settle-ways-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)  # PostgreSQL runs as somebody else
        uvloop.run(main(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else TURNS))
