"""One connected producer, from its start to its end: it appends slices, is given up as a whole (RELIABILITY 3.1)."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.runtime.ground.macs import Signer
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import CONNECT_SECONDS, hear, make_producer

CLOSE_SECONDS = 5.0


class Sender:
    """A producer, connected by `start`. One that is `retired` gets no new slices; it ends once none is under way."""

    def __init__(self, settings: Settings) -> None:
        self._producer = make_producer(settings)
        self._signer = Signer(settings)
        self.under_way = 0
        self.retired = False

    async def start(self) -> None:
        """Connect; raises `KafkaError` or `TimeoutError`."""
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._producer.start()

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that does the sending; when it ends, nothing is sent any more (A5)."""
        task: asyncio.Task[None] = self._producer._sender.sender_task
        return task

    def leader(self, place: TopicPartition) -> bool:
        """Whether the partition has a leader, as far as is known."""
        leader = self._producer.client.cluster.leader_for_partition(place)
        return leader is not None and leader >= 0

    def look_up(self, topics: Iterable[str]) -> "asyncio.Future[Any]":
        """Ask for the leaders of these topics; done when the answer is in."""
        for topic in topics:
            self._producer.client.add_topic(topic)
        answer: asyncio.Future[Any] = self._producer.client.force_metadata_update()
        answer.add_done_callback(hear)
        return answer

    async def append(
        self, place: TopicPartition, records: Iterable[Outgoing]
    ) -> tuple[int, "asyncio.Future[Any]"]:
        """Append as many of these records as one batch holds, at least one; answers how many, and their
        acknowledgement. Built by hand: a third of the cost of one `send` per record.

        The partition must have a leader and no other batch here: then nothing waits in this call.
        """
        batch = self._producer.create_batch()
        count = 0
        for record in records:
            key, value, headers = record.key.encode(), record.payload, self._signer.signed(record)
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            count += 1
        return count, await self._producer.send_batch(batch, place.topic, partition=place.partition)

    async def close(self) -> None:
        """End without waiting for what cannot be delivered: its connections first, so that nothing late gets out."""
        sender = self._producer._sender.sender_task
        with suppress(KafkaError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.client.close()
                if sender is not None and not sender.done():
                    sender.cancel()
                    await asyncio.wait({sender}, timeout=3)
        self._producer._message_accumulator.fail_all(KafkaError("the producer was given up"))
        self._producer._closed = True
