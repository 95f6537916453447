"""From an answer to its JSON, and to the entity tag that stands for its version."""

from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

VERSION = "version"


def json_of(message: Message) -> str:
    """proto3 JSON; fields without a value are written too, so that a reader sees what there is."""
    text: str = MessageToJson(message, always_print_fields_with_no_presence=True, indent=None, ensure_ascii=False)
    return text


def tag_of(message: Message) -> str | None:
    """The entity tag of an answer that shows one thing with a version, as an order or a card; None of others."""
    shown = [field for field in message.DESCRIPTOR.fields if _is_thing(field)]
    if len(shown) != 1 or not message.HasField(shown[0].name):
        return None
    version = getattr(getattr(message, shown[0].name), VERSION)
    return f'"{version}"'


def _is_thing(field: Any) -> bool:  # Any: protobuf has two classes of descriptors
    return field.message_type is not None and not field.is_repeated and VERSION in field.message_type.fields_by_name


def names(tags: str, tag: str) -> bool:
    """Whether a list of tags (If-Match, If-None-Match) names this one; `*` names any."""
    return any(said.strip().removeprefix("W/") in ("*", tag) for said in tags.split(","))
