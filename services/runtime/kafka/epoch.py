"""The epoch of a topic: which cluster it is of, and its own id there; another one says that it was made anew.

aiokafka asks for metadata as of version 5, which knows no ids of topics; they came with version 10. A broker that does
not speak it gives the cluster's id alone.
"""

from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NodeNotReadyError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from services.runtime.kafka.clients import cluster_id

METADATA = 3
WITH_IDS = 10


class _Id(AbstractType[UUID]):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _Metadata(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = METADATA
    API_VERSION = WITH_IDS
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(
            ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32), ("rack", CompactString("utf-8")),
            ("tags", TaggedFields),
        )),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(
            ("error_code", Int16), ("topic", CompactString("utf-8")), ("topic_id", _Id), ("is_internal", Boolean),
            ("partitions", CompactArray(
                ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)), ("offline", CompactArray(Int32)),
                ("tags", TaggedFields),
            )),
            ("authorized_operations", Int32), ("tags", TaggedFields),
        )),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataQuestion(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = METADATA
    API_VERSION = WITH_IDS
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Metadata
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Id), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _WithIds(Request[_MetadataQuestion]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataQuestion]) -> _MetadataQuestion:
        return request_struct_class([(UUID(int=0), self._topic, {})], False, False, False, {})


async def epoch_of(consumer: AIOKafkaConsumer, topic: str) -> str:
    """`<cluster>/<topic id>`, the cluster alone where the broker knows no ids; raises `KafkaError`."""
    identity = await _topic_id(consumer, topic)
    return await cluster_id(consumer) + (f"/{identity}" if identity else "")


async def _topic_id(consumer: AIOKafkaConsumer, topic: str) -> str:
    """The topic's id; "" where the broker knows no ids. Raises `KafkaError` while the broker or the topic is away: that
    a topic has no id at this moment must not look like a broker that gives none."""
    client: Any = consumer._client  # Any: aiokafka offers its own requests only
    node = client.get_random_node()
    if not await client.ready(node):
        raise NodeNotReadyError(node)
    connections = [connection for (of, _), connection in client._conns.items() if of == node]
    least, most = connections[0]._versions.get(METADATA, (0, 0)) if connections else (0, 0)
    if not least <= WITH_IDS <= most:
        return ""
    answer = await client.send(node, _WithIds(topic))
    error, _, identity, *_ = answer.topics[0]
    if error:
        raise for_code(error)(topic)
    return identity.hex if identity.int else ""
