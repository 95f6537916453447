"""The events as an AsyncAPI 3.0 document. Values are protobuf; their schemas say what their proto3 JSON would hold."""

from functools import cache

from google.protobuf.descriptor import Descriptor

from gateway.documents.bounds import Schema
from gateway.documents.comments import comment, first_sentence
from gateway.documents.events import HEADERS, PROMISES, Topic, topics
from gateway.documents.schemas import Schemas

_NAMES = "#/components/messages/"


@cache
def document() -> Schema:
    """The document of all topics of events."""
    schemas = Schemas()
    messages = {_id(event): _message(event, schemas) for topic in topics() for event in topic.of}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Settlement engine: events", "version": "1",
            "description": " ".join(f"{name.capitalize()}: {told}" for name, told in PROMISES.items()),
        },
        "defaultContentType": "application/protobuf",
        "servers": {"kafka": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "Where Kafka is."}},
        "channels": {topic.service: _channel(topic) for topic in topics()},
        "operations": {f"read_{topic.service}": _operation(topic) for topic in topics()},
        "components": {"messages": messages, "schemas": schemas.found | {"Headers": _headers()}},
    }


def _id(event: Descriptor) -> str:
    name: str = event.full_name
    return name.removeprefix("settlement.")


def _message(event: Descriptor, schemas: Schemas) -> Schema:
    told = comment(event.full_name)
    return {
        "name": event.full_name, "title": event.name, "summary": first_sentence(told), "description": told,
        "contentType": "application/protobuf", "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": schemas.reference(event),
        "bindings": {"kafka": {"key": {"type": "string", "description": PROMISES["key"]}}},
    }


def _channel(topic: Topic) -> Schema:
    return {
        "address": topic.name, "description": f"What {topic.service} says has happened.",
        "messages": {_id(event): {"$ref": f"{_NAMES}{_id(event)}"} for event in topic.of},
        "bindings": {"kafka": {"topic": topic.name}},
    }


def _operation(topic: Topic) -> Schema:
    return {
        "action": "send", "channel": {"$ref": f"#/channels/{topic.service}"},
        "summary": f"{topic.service} publishes what has happened.",
    }


def _headers() -> Schema:
    return {
        "type": "object", "required": list(HEADERS),
        "properties": {name: {"type": "string", "description": told} for name, told in HEADERS.items()},
    }
