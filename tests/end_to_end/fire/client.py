"""A client that never gives up and never forgets: every call is retried under its request id, every answer is kept."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from settle.bench.targets import CONFIRM_RECEIPT, Target, request_of
from settle.client.calls import reason_of
from settle.client.channels import open_channel
from settle.client.tokens import Tokens
from settlement.order.v1 import after_sale_service_pb2, order_service_pb2

UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL,
}
"""After one of these nobody knows what happened: ask again with the same id."""
RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500))
CALL_SECONDS = 3.0
GIVE_UP_SECONDS = 90.0
CONCURRENT = 48


class Client:
    """Settles orders at one or several addresses; `history` has all definite answers by order."""

    def __init__(self, addresses: Sequence[str], tokens: Tokens | None) -> None:
        self._channels = [open_channel(address, *RECONNECT, tokens=tokens) for address in addresses]
        self._turns = asyncio.Semaphore(CONCURRENT)
        self._turn = 0
        self.history: defaultdict[str, list[str]] = defaultdict(list)
        self.retried = 0
        self._asked: list[tuple[str, str, bytes]] = []

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()

    async def settle(self, targets: Sequence[Target], first: int) -> None:
        """Ask for all of these; returns when each has a definite answer. `first` numbers the requests."""
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(targets, first):
                method, request = request_of(target, number)
                self._asked.append((target.order_id, method, request))
                group.create_task(self._ask(target.order_id, method, request))

    async def ask_again(self) -> None:
        """Send every request of this client once more."""
        async with asyncio.TaskGroup() as group:
            for order_id, method, request in self._asked:
                group.create_task(self._ask(order_id, method, request))

    def contradictions(self) -> dict[str, list[str]]:
        """The requests that got different answers."""
        return {order_id: answers for order_id, answers in self.history.items() if len(set(answers)) > 1}

    async def _ask(self, order_id: str, method: str, request: bytes) -> None:
        until = time.monotonic() + GIVE_UP_SECONDS
        async with self._turns:
            while True:
                self._turn += 1
                call: Any = self._channels[self._turn % len(self._channels)].unary_unary(method)
                try:
                    self.history[order_id].append(_settlement(method, await call(request, timeout=CALL_SECONDS)))
                    return
                except grpc.aio.AioRpcError as error:
                    if error.code() not in UNKNOWN:
                        self.history[order_id].append(f"{error.code().name} {reason_of(error)}")
                        return
                    if time.monotonic() > until:
                        raise TimeoutError(f"{order_id}: {error.code()} {error.details()}") from error
                    self.retried += 1
                    await asyncio.sleep(0.1)


def _settlement(method: str, answer: bytes) -> str:
    if method == CONFIRM_RECEIPT:
        return after_sale_service_pb2.ConfirmReceiptResponse.FromString(answer).settlement.settlement_id
    return order_service_pb2.CancelOrderResponse.FromString(answer).settlement.settlement_id
