"""What text may hold (P3): NFC, and no control, format or surrogate characters; PostgreSQL itself refuses only NUL.

protobuf accepts them all, so every message is looked at once, where it enters.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_REFUSED = frozenset({"Cc", "Cf", "Cs"})
_plans: dict[str, list[tuple[str, bool, bool]]] = {}


def clean(text: str) -> bool:
    """Whether a text may be stored and shown."""
    if text.isascii():
        return text.isprintable() or not text
    if not unicodedata.is_normalized("NFC", text):
        return False
    return text.isprintable() or not any(unicodedata.category(character) in _REFUSED for character in text)


def flaw(message: Message) -> str:
    """The name of the first field, at any depth, whose text is not clean; empty if there is none."""
    descriptor = message.DESCRIPTOR
    plan = _plans.get(descriptor.full_name)
    if plan is None:
        plan = _plans[descriptor.full_name] = _plan(descriptor)
    for name, is_text, repeated in plan:
        value = getattr(message, name)
        if is_text:
            if not (all(map(clean, value)) if repeated else clean(value)):
                return name
        elif repeated:
            if found := _first(value):
                return f"{name}.{found}"
        elif message.HasField(name) and (found := flaw(value)):
            return f"{name}.{found}"
    return ""


def _first(messages: Iterable[Message]) -> str:
    return next((found for message in messages if (found := flaw(message))), "")


def _plan(descriptor: Any) -> list[tuple[str, bool, bool]]:  # Any: the stubs know two classes, ours is either
    """The fields that can hold text: (name, is text itself, repeated). Map fields do not exist in our API."""
    kinds = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE)
    return [(f.name, f.type == kinds[0], f.is_repeated) for f in descriptor.fields if f.type in kinds]
