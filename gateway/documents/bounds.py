"""The bounds of a field (buf.validate) in the words of JSON Schema."""

from collections.abc import Callable, Mapping
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor

Schema = dict[str, Any]
"""A JSON Schema, as JSON has it."""

_NUMBERS = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
_TEXTS = {"min_len": "minLength", "max_len": "maxLength", "const": "const"}
_ITEMS = {"min_items": "minItems", "max_items": "maxItems"}


def rules_of(field: FieldDescriptor) -> Any:  # Any: the classes of generated code
    """The field's rules; empty ones if it has none."""
    return field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]  # built at run time


def may_be_empty(rules: Any) -> bool:
    """Whether its zero value is not judged."""
    return bool(rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE)  # type: ignore[attr-defined]  # as above


def bounded(schema: Schema, rules: Any) -> Schema:
    """The schema of one value with what its rules say."""
    kind = rules.WhichOneof("type")
    bound = _BOUNDS.get(kind, _numbers)
    return schema | (bound(getattr(rules, kind), rules) if kind else {})


def items(rules: Any) -> Schema:
    """How many a list may have."""
    return _named(rules.repeated, _ITEMS) if rules.HasField("repeated") else {}


def _string(said: Any, rules: Any) -> Schema:
    found = _named(said, _TEXTS)
    if said.WhichOneof("well_known") == "uuid":
        found["format"] = "uuid"
    if said.pattern:
        found["pattern"] = f"^$|{said.pattern}" if may_be_empty(rules) else said.pattern
    return found


def _bytes(said: Any, rules: Any) -> Schema:
    return {"maxLength": (said.max_len + 2) // 3 * 4} if said.HasField("max_len") else {}


def _numbers(said: Any, rules: Any) -> Schema:
    return {name: value for name, value in _named(said, _NUMBERS).items() if isinstance(value, int | float)}


def _nothing(said: Any, rules: Any) -> Schema:
    return {}


def _named(said: Any, words: Mapping[str, str]) -> Schema:
    names = said.DESCRIPTOR.fields_by_name
    return {word: getattr(said, name) for name, word in words.items() if name in names and said.HasField(name)}


_BOUNDS: Mapping[str, Callable[[Any, Any], Schema]] = {
    "string": _string, "bytes": _bytes, "enum": _nothing, "duration": _nothing, "timestamp": _nothing,
    "repeated": _nothing, "map": _nothing, "any": _nothing, "field_mask": _nothing,
}
