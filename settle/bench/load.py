"""The load generator, a process of its own: `python -m settle.bench.load TARGET KAFKA FILE KEY SERVICE`.

It reads one command a line from stdin (`closed SECONDS`, `open SECONDS RATE`, `streamed SECONDS STREAMS`,
`batch SECONDS SIZE`, `idle SECONDS`, `overload SECONDS RATE`) and answers each with one JSON object. "Settled" is when
the event of the order, or of the card's redemption, is read from Kafka, as any subscriber would see it.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from settle.bench.subscriber import Subscriber
from settle.bench.targets import Target, batch_of, exchange_of, read_targets, request_of
from settle.client.calls import reason_of, retry_seconds_of
from settle.client.channels import open_channel
from settle.client.streams import CommandStream
from settle.client.tokens import Tokens

EXCHANGE = "/settlement.order.v1.OrderStreamService/Exchange"
IN_FLIGHT = 256
"""Calls that wait for their answer at the same time, in the closed loop."""
CALLERS = 256
"""So many share what is offered under overload; one that was refused sends nothing until it was told to come again."""
UNANSWERED_MAX = 8
"""What a caller has sent without an answer to it, under overload: beyond it, it holds back as well."""
BURST = 32
"""So many are sent between two looks at what was answered: a sender that is late would else hear nothing any more."""
UNSETTLED_MAX = 1_536
"""Accepted and not yet settled: the closed loop waits beyond it, so that a backlog cannot hide in the figures."""
DEADLINE_SECONDS = 30.0
DRAIN_SECONDS_MAX = 60.0
TICK_SECONDS = 0.002
IDLE_TICK_SECONDS = 0.0005
FILLING_SECONDS, FILLING_PART = 2.0, 1 / 4
"""For so long at the start of a phase, and at most so much of it, the engine fills: a rate counts what is settled
after it. What is under way at the end is not counted either, and is as much."""
MOMENTS = 40
"""Into so many parts a phase is cut for its latency over time."""
OPTIONS = (("grpc.max_send_message_length", 1 << 20), ("grpc.use_local_subchannel_pool", 1))

if TYPE_CHECKING:
    Call = grpc.aio.UnaryUnaryMultiCallable[Any, Any]  # Any: bytes as they are, in both directions


@dataclass(slots=True)
class Tally:
    """What was measured in one phase."""

    began: float
    settled_before: int
    sent: int = 0
    accepted: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    """How long the engine took to refuse, in seconds."""
    held_back: int = 0
    """What a caller had to send while it was told to wait, or waited for answers: offered, and not sent."""
    started: dict[str, float] = field(default_factory=dict)


Send = Callable[[Tally, Target, float], Coroutine[Any, Any, float]]
"""Sends the request for a target, which counts from an instant on; answers how long its sender was told to wait."""


class Load:
    """Sends requests for stored orders, each once, and sees them settled."""

    def __init__(
        self, channel: grpc.aio.Channel, subscriber: Subscriber, targets: list[Target], tokens: Tokens
    ) -> None:
        self._channel = channel
        self._tokens = tokens
        self._subscriber = subscriber
        self._stored = iter(targets)
        self._refused: deque[Target] = deque()
        """Under overload: to be sent again, for nothing became of it."""
        self._calls: dict[str, Call] = {}
        self._number = 0
        self._quiet_until = [0.0] * CALLERS
        self._unanswered = [0] * CALLERS

    async def closed(self, seconds: float) -> dict[str, object]:
        """As many as the engine takes, with a bounded number under way."""
        tally = Tally(time.perf_counter(), self._subscriber.count)
        until = tally.began + seconds
        await asyncio.gather(*(self._work(tally, until, self._send) for _ in range(IN_FLIGHT)))
        return await self._finish(tally, until)

    async def streamed(self, seconds: float, streams: int) -> dict[str, object]:
        """The closed loop over a few streams instead of a call for each."""
        tally = Tally(time.perf_counter(), self._subscriber.count)
        until = tally.began + seconds
        await asyncio.gather(*(self._stream(tally, until, IN_FLIGHT // streams) for _ in range(streams)))
        return await self._finish(tally, until)

    async def idle(self, seconds: float) -> dict[str, object]:
        """One after the other, each once the one before is settled."""
        tally = Tally(time.perf_counter(), self._subscriber.count)
        until = tally.began + seconds
        while time.perf_counter() < until and (target := self._next()):
            await self._send(tally, target, time.perf_counter())
            while target.order_id in tally.started and target.order_id not in self._subscriber.settled_at:
                await asyncio.sleep(IDLE_TICK_SECONDS)
        return await self._finish(tally, until)

    async def overload(self, seconds: float, rate: float) -> dict[str, object]:
        """Many times what the engine takes, from many callers: what is refused is sent again, anew, and its caller is
        quiet until it was told to come again. None of them has more than a few calls without an answer."""
        return await self._at_rate(seconds, rate, self._caller)

    async def open(self, seconds: float, rate: float) -> dict[str, object]:
        """At a fixed rate, whatever the engine does; latency counts from the intended start."""
        return await self._at_rate(seconds, rate, lambda number: self._send)

    async def _at_rate(
        self, seconds: float, rate: float, sender: Callable[[int], Send | None]
    ) -> dict[str, object]:
        """`sender` says who sends the request of this number; nobody where its caller holds it back."""
        tally = Tally(time.perf_counter(), self._subscriber.count)
        until, calls, sent = tally.began + seconds, set[asyncio.Task[float]](), 0
        while (now := time.perf_counter()) < until:
            behind = min(int((now - tally.began) * rate) - sent, BURST)
            for _ in range(behind):
                due = tally.began + sent / rate
                send, sent = sender(sent), sent + 1
                if send is None:
                    tally.held_back += 1
                    continue
                target = self._next()
                if target is None:
                    until = now
                    break
                task = asyncio.create_task(send(tally, target, due))
                calls.add(task)
                task.add_done_callback(calls.discard)
            await asyncio.sleep(TICK_SECONDS if behind < BURST else 0)
        await asyncio.gather(*calls)
        return await self._finish(tally, until)

    async def batch(self, seconds: float, size: int) -> dict[str, object]:
        """The batch twin: calls of many cancellations, a few at a time."""
        tally = Tally(time.perf_counter(), self._subscriber.count)
        until = tally.began + seconds
        cancels = (target for target in self._stored if not target.return_id)
        await asyncio.gather(*(self._work_in_batches(tally, until, cancels, size) for _ in range(8)))
        return await self._finish(tally, until)

    def _next(self) -> Target | None:
        return self._refused.popleft() if self._refused else next(self._stored, None)

    def _caller(self, number: int) -> Send | None:
        """Whose turn it is, if nobody told it to wait and it waits for few answers."""
        caller = number % CALLERS
        quiet = self._quiet_until[caller] > time.perf_counter() or self._unanswered[caller] >= UNANSWERED_MAX
        if quiet:
            return None
        self._unanswered[caller] += 1
        return partial(self._press, caller)

    async def _press(self, caller: int, tally: Tally, target: Target, _due: float) -> float:
        began = time.perf_counter()
        retry_seconds = await self._send(tally, target, began)
        self._unanswered[caller] -= 1
        if target.order_id not in tally.started:
            ended = time.perf_counter()
            tally.refused.append(ended - began)
            self._refused.append(target)
            self._quiet_until[caller] = max(self._quiet_until[caller], ended + retry_seconds)
        return retry_seconds

    def _unsettled(self, tally: Tally) -> int:
        return len(tally.started) - (self._subscriber.count - tally.settled_before)

    async def _stream(self, tally: Tally, until: float, in_flight: int) -> None:
        async with CommandStream(self._channel, self._tokens.metadata(EXCHANGE)) as stream:

            async def send(tally: Tally, target: Target, began: float) -> float:
                self._number += 1
                tally.started[target.order_id] = began
                tally.sent += 1
                answer = await stream.send(exchange_of(target, self._number))
                if answer.HasField("refusal"):
                    self._failed(tally, answer.refusal.message, [target.order_id])
                else:
                    tally.accepted.append(time.perf_counter() - began)
                return 0.0

            await asyncio.gather(*(self._work(tally, until, send) for _ in range(in_flight)))

    async def _work(self, tally: Tally, until: float, send: Send) -> None:
        while time.perf_counter() < until:
            if self._unsettled(tally) > UNSETTLED_MAX:
                await asyncio.sleep(TICK_SECONDS)
                continue
            target = self._next()
            if target is None:
                return
            if retry_seconds := await send(tally, target, time.perf_counter()):
                await asyncio.sleep(retry_seconds)

    async def _work_in_batches(self, tally: Tally, until: float, cancels: Iterator[Target], size: int) -> None:
        while time.perf_counter() < until:
            if self._unsettled(tally) > UNSETTLED_MAX * 2:
                await asyncio.sleep(TICK_SECONDS)
                continue
            taken = [target for _, target in zip(range(size), cancels, strict=False)]
            if not taken:
                return
            self._number += size
            method, request = batch_of(taken, self._number)
            began = time.perf_counter()
            tally.started.update((target.order_id, began) for target in taken)
            tally.sent += len(taken)
            await asyncio.sleep(await self._call(tally, method, request, began, [each.order_id for each in taken]))

    async def _send(self, tally: Tally, target: Target, began: float) -> float:
        """Answers when it may be sent again, in seconds; 0 where nobody said so."""
        self._number += 1
        method, request = request_of(target, self._number)
        tally.started[target.order_id] = began
        tally.sent += 1
        return await self._call(tally, method, request, began, [target.order_id])

    async def _call(self, tally: Tally, method: str, request: bytes, began: float, orders: list[str]) -> float:
        if method not in self._calls:
            self._calls[method] = self._channel.unary_unary(method)
        try:
            await self._calls[method](request, timeout=DEADLINE_SECONDS, metadata=self._tokens.metadata(method))
        except grpc.aio.AioRpcError as error:
            self._failed(tally, f"{error.code().name} {reason_of(error) or error.details()}", orders)
            return retry_seconds_of(error)
        tally.accepted.append(time.perf_counter() - began)
        return 0.0

    @staticmethod
    def _failed(tally: Tally, why: str, orders: Sequence[str]) -> None:
        tally.errors[why[:120]] += 1
        for order_id in orders:
            tally.started.pop(order_id, None)

    async def _finish(self, tally: Tally, until: float) -> dict[str, object]:
        """Wait for what is under way, then count: what was settled while the engine was full makes the rate."""
        deadline = time.perf_counter() + DRAIN_SECONDS_MAX
        while self._unsettled(tally) > 0 and time.perf_counter() < deadline:  # a thread counts
            await asyncio.sleep(0.02)
        at = self._subscriber.settled_at
        return {
            "seconds": until - tally.began, "sent": tally.sent,
            "settled_per_second": _rate(tally.began, until, [at[each] for each in tally.started if each in at]),
            "settled": sum(1 for order_id in tally.started if order_id in at),
            "accepted": tally.accepted, "to_settled": [at[o] - began for o, began in tally.started.items() if o in at],
            "errors": dict(tally.errors), "refused": tally.refused,
            "held_back": tally.held_back, "moments": _moments(tally, until, at),
        }


def _rate(began: float, until: float, settled: Sequence[float]) -> float:
    """How many of these instants lie in a second of a phase, once it has filled the engine."""
    filled = began + min(FILLING_SECONDS, (until - began) * FILLING_PART)
    return sum(1 for instant in settled if filled < instant <= until) / (until - filled) if until > filled else 0.0


def _moments(tally: Tally, until: float, settled_at: Mapping[str, float]) -> list[tuple[float, list[float]]]:
    """For each part of the phase when it began, and how long what was sent in it took to be settled."""
    length = (until - tally.began) / MOMENTS
    parts: list[tuple[float, list[float]]] = [(round(number * length, 3), []) for number in range(MOMENTS)]
    for order_id, began in tally.started.items():
        if order_id in settled_at:
            number = min(int((began - tally.began) / length), MOMENTS - 1)
            parts[number][1].append(settled_at[order_id] - began)
    return parts


async def main(target: str, kafka: str, file: Path, known: str, service: str) -> None:
    """Serve commands until stdin ends."""
    subscriber, tokens = Subscriber(kafka, service), Tokens.of(json.loads(known))
    assert tokens is not None
    async with open_channel(target, *OPTIONS) as channel:
        load = Load(channel, subscriber, read_targets(file), tokens)
        _answer({"ready": True})
        while command := (await asyncio.to_thread(sys.stdin.readline)).split():
            _answer(await obey(load, command))
    subscriber.close()


async def obey(load: Load, command: Sequence[str]) -> dict[str, object]:
    """Play the phase that the words of a command name."""
    match command:
        case ["closed", seconds]:
            return await load.closed(float(seconds))
        case ["open", seconds, rate]:
            return await load.open(float(seconds), float(rate))
        case ["streamed", seconds, streams]:
            return await load.streamed(float(seconds), int(streams))
        case ["idle", seconds]:
            return await load.idle(float(seconds))
        case ["overload", seconds, rate]:
            return await load.overload(float(seconds), float(rate))
        case ["batch", seconds, size]:
            return await load.batch(float(seconds), int(size))
    raise ValueError(f"no such phase of load: {' '.join(command)}")


def _answer(said: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        import uvloop
        run = uvloop.run
    except ImportError:
        run = asyncio.run  # type: ignore[assignment]  # the same call
    given = sys.argv[1:]
    run(main(given[0], given[1], Path(given[2]), known=given[3], service=given[4]))
