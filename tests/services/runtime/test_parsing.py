"""JSON becomes messages in the gateway alone, and no message that it reads can hold others without an end."""

import re
from pathlib import Path

from google.protobuf.descriptor import Descriptor

from tests.protos.fields import methods


def test_p2_no_service_parses_json_into_messages_and_no_request_can_hold_any() -> None:
    """ParseDict's depth limit could be bypassed, by Struct, Value and Any; the gateway parses requests."""
    parsing = re.compile(r"json_format\.Parse|ParseDict")
    holding = re.compile(r"google\.protobuf\.(Struct|Value|Any|ListValue)")

    sources = {path: path.read_text() for path in Path("services").rglob("*.py")}
    held = {name for method in methods() for name in _held(method.input_type, frozenset())}

    assert [str(path) for path, text in sources.items() if "runtime" in path.parts and parsing.search(text)] == []
    assert {name for name in held if holding.fullmatch(name)} == set()


def _held(message: Descriptor, above: frozenset[str]) -> frozenset[str]:
    """The names of a message and of all that it may hold."""
    found = above | {message.full_name}
    for field in message.fields:
        if field.message_type is not None and field.message_type.full_name not in found:
            found |= _held(field.message_type, found)
    return found
