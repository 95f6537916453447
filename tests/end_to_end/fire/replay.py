"""Sends every record of the command and reply topics once more, exactly as it was."""

import asyncio

from confluent_kafka import Consumer, Producer, TopicPartition

TOPICS = (
    "settlement.credit_ledger.commands.v1", "settlement.card_redemption.commands.v1", "settlement.order.replies.v1",
)


async def repeat_everything(bootstrap: str) -> int:
    """Read to the present end, produce all of it again; answers how many records."""
    return await asyncio.to_thread(_repeat, bootstrap)


def _repeat(bootstrap: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "fire-replay", "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    sent = 0
    try:
        for topic in TOPICS:
            known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            for partition in known:
                sent += _repeat_partition(consumer, producer, topic, partition)
        producer.flush(30)
    finally:
        consumer.close()
    return sent


def _repeat_partition(consumer: Consumer, producer: Producer, topic: str, partition: int) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    consumer.assign([TopicPartition(topic, partition, low)])
    sent = at = 0
    while at < high - 1:
        for message in consumer.consume(500, 0.1):
            offset = message.offset()
            if message.error() is None and offset is not None and offset < high:
                at = offset
                producer.produce(topic, message.value(), message.key(), partition, headers=message.headers())
                producer.poll(0)
                sent += 1
        if high == low:
            break
    return sent
