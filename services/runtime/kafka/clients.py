"""Kafka, the courier: the one place that builds its clients, and asks the broker whether it will do (RELIABILITY 3.1).

aiokafka's defaults lose, repeat and hang. Here the producer is idempotent, and given up as soon
as it does not move (`producer.py`); the consumer joins no group, begins where PostgreSQL says,
and is replaced if it goes quiet (`reader.py`).
"""

import asyncio
from importlib.util import find_spec
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tls import Certificates, client_context

MESSAGE_OVERHEAD_BYTES = 16_384
"""Room for key, headers and framing above the payload's limit."""
FETCH_BYTES_MAX = 4 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 512 * 1024
CONNECT_SECONDS = 7.0
FETCH_WAIT_MS = 200
_NEEDED = {
    "Produce": (0, 3, 8), "Fetch": (1, 4, 11), "ListOffsets": (2, 1, 5), "Metadata": (3, 2, 5),
    "InitProducerId": (22, 0, 0),
}
"""What aiokafka and we need: API number, lowest and highest version."""


class BrokerUnavailable(ConnectionError):
    """No broker answers, or not in time."""


def make_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer that waits for all replicas and never repeats on its own (A1); lz4 only where its codec is (A15)."""
    if settings.kafka_compression == "lz4" and find_spec("cramjam") is None:
        raise SettingsError("SETTLE_KAFKA_COMPRESSION=lz4 needs the package cramjam")
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka, client_id=f"settle-{settings.service}", acks="all", enable_idempotence=True,
        compression_type="lz4" if settings.kafka_compression == "lz4" else None, linger_ms=0, max_batch_size=262_144,
        max_request_size=settings.rpc_message_bytes_max + MESSAGE_OVERHEAD_BYTES, request_timeout_ms=10_000,
        **security(settings),
    )


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """A consumer in no group (A9) that neither commits nor resets by itself (A1), with bounded memory (A14)."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, client_id=f"settle-{settings.service}", group_id=None,
        enable_auto_commit=False, auto_offset_reset="none", isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES_MAX, max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX, fetch_min_bytes=1,
        fetch_max_wait_ms=FETCH_WAIT_MS, request_timeout_ms=10_000, **security(settings),
    )


def security(settings: Settings) -> dict[str, Any]:  # Any: arguments of many types
    """How a client of aiokafka speaks to the broker: over TLS with our certificate, and logged in where that is set."""
    if settings.kafka_security == "plaintext":
        return {}
    certificates = Certificates.of(settings)
    if certificates is None:
        raise SettingsError("SETTLE_KAFKA_SECURITY needs SETTLE_TLS_CA, SETTLE_TLS_CERTIFICATE and SETTLE_TLS_KEY")
    how: dict[str, Any] = {
        "security_protocol": settings.kafka_security.upper(), "ssl_context": client_context(certificates)
    }
    if settings.kafka_security == "sasl_ssl":
        password = settings.option("kafka_password")
        if not (settings.kafka_user and password):
            raise SettingsError("SETTLE_KAFKA_SECURITY=sasl_ssl needs SETTLE_KAFKA_USER and SETTLE_KAFKA_PASSWORD")
        how |= {
            "sasl_mechanism": settings.kafka_mechanism, "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": password,
        }
    return how


async def check_broker(settings: Settings, topic: str = "") -> str:
    """The cluster's identity, if this broker and this client can work together (A13), and this topic, if it is there,
    has the partitions of the settings; raises otherwise."""
    try:
        consumer = make_consumer(settings)
    except ValueError as error:
        raise SettingsError(f"SETTLE_KAFKA={settings.kafka!r} is not host:port,...: {error}") from error
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.start()
            identity = await cluster_id(consumer)
            there = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic)
            offered: dict[int, tuple[int, int]] = next(iter(consumer._client._conns.values()))._versions
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailable(f"no broker at {settings.kafka}: {error!r}") from error
    finally:
        await stopped(consumer)
    for name, (api, least, most) in _NEEDED.items():
        low, high = offered.get(api, (1, 0))
        if max(low, least) > min(high, most):
            raise SettingsError(f"the broker at {settings.kafka} speaks {name} {low}-{high}, needed is {least}-{most}")
    if there and len(there) < settings.partitions:
        told = f"SETTLE_PARTITIONS={settings.partitions}, but {topic} was made with {len(there)}: it needs as many"
        raise SettingsError(told)
    if settings.profile == "production" and identity.startswith("mockCluster"):
        raise SettingsError("the embedded broker keeps nothing and is refused in the production profile")
    return identity


async def cluster_id(consumer: AIOKafkaConsumer) -> str:
    """The identity of the cluster that a consumer is connected to; another one says that Kafka was built anew."""
    client: Any = consumer._client  # Any: aiokafka offers the cluster's id only here
    answer = await client.send(client.get_random_node(), MetadataRequest([]))
    return str(answer.cluster_id or "")


async def connected(settings: Settings) -> AIOKafkaConsumer:
    """A consumer that is connected to the brokers. What ends that, a cancellation too, leaves nothing of it open."""
    consumer = make_consumer(settings)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.start()
    except BaseException:
        await stopped(consumer)
        raise
    return consumer


async def stopped(consumer: AIOKafkaConsumer) -> None:
    """Stop it in a task of its own: aiokafka lets the cancellation of its inner tasks out,
    as if the caller were cancelled."""
    task = asyncio.create_task(consumer.stop())
    await asyncio.wait({task}, timeout=5)
    hear(task)


def hear(ended: "asyncio.Future[Any]") -> None:
    """Fetch an error that nobody needs any more; else it would be logged as forgotten."""
    if ended.done() and not ended.cancelled():
        ended.exception()
