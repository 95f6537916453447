"""What proto3 JSON has for each kind of field, held to before the library reads it, which takes far more.

It takes a list for an empty message, true for a value of an enum, base64 that is none for nothing at all, `1_000` for a
number, and a field under both of its names, the last of which counts. Whoever looked at the request before us (a proxy,
a form that goes by OpenAPI) read something else there, and its sender meant something else.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

WHOLE = "-?[0-9]{1,19}"
SPAN = r"-?[0-9]{1,12}(\.[0-9]{1,9})?s"
INSTANT = r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
TAG = '"(0|[1-9][0-9]{0,17})"'
"""A version, as an ETag has it."""
_BASE64 = "([A-Za-z0-9+/_-]{2,}={0,2})?"
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_EXACT_MAX = 2**53
"""Beyond this a number of JSON with a point in it, or an exponent, may have been another one."""
_F = FieldDescriptor

Shape = tuple[str, Callable[[Any], bool]]  # Any: a value of JSON
"""What a value must be, in words, and whether it is."""


def field_of(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """The field that has this name, in either form."""
    return descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)


def check_object(said: object, descriptor: Any, path: str = "") -> None:  # Any: protobuf has two classes of them
    """Raise `ValueError`, which says where and why, unless this is a message of that type."""
    if not isinstance(said, dict):
        raise ValueError(f"{path or 'the request'} must be an object")
    seen = set()
    for name, value in said.items():
        field = field_of(descriptor, name)
        at = f"{path}.{name}" if path else name
        if field is None:
            raise ValueError(f"{at} is no field of this request")
        if field.name in seen:
            raise ValueError(f"{at} is given twice, under both of its names")
        seen.add(field.name)
        if value is not None:
            _check_field(value, field, at)


def _check_field(said: object, field: FieldDescriptor, path: str) -> None:
    if not field.is_repeated:
        _check_value(said, field, path)
    elif isinstance(said, list):
        for number, item in enumerate(said):
            _check_value(item, field, f"{path}[{number}]")
    else:
        raise ValueError(f"{path} must be a list")


def _check_value(said: object, field: FieldDescriptor, path: str) -> None:
    shape = shape_of(field)
    if shape is None:
        check_object(said, field.message_type, path)
    elif not shape[1](said):
        raise ValueError(f"{path} must be {shape[0]}")


def shape_of(field: FieldDescriptor) -> Shape | None:
    """What one value of the field must be; None where that is an object, with fields of its own."""
    return _KINDS[field.type] if field.message_type is None else _KNOWN.get(field.message_type.full_name)


def _text(form: str) -> Callable[[Any], bool]:
    matches = re.compile(form, re.ASCII).fullmatch
    return lambda said: isinstance(said, str) and matches(said) is not None


_whole_text, _name = _text(WHOLE), _text(_NAME)


def _is_int(said: object) -> bool:
    return isinstance(said, int) and not isinstance(said, bool)


def _is_whole(said: object) -> bool:
    if isinstance(said, float):
        return said.is_integer() and abs(said) <= _EXACT_MAX
    return _is_int(said) or _whole_text(said)


_WHOLES = (
    _F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64, _F.TYPE_INT32, _F.TYPE_SINT32,
    _F.TYPE_SFIXED32, _F.TYPE_UINT32, _F.TYPE_FIXED32,
)
_KINDS: Mapping[int, Shape] = {
    **dict.fromkeys(_WHOLES, ("a whole number", _is_whole)),
    _F.TYPE_BOOL: ("true or false", lambda said: isinstance(said, bool)),
    _F.TYPE_STRING: ("a text", lambda said: isinstance(said, str)),
    _F.TYPE_BYTES: ("base64", _text(_BASE64)),
    _F.TYPE_ENUM: ("the name of one of its values", lambda said: _is_int(said) or _name(said)),
}
_KNOWN: Mapping[str, Shape] = {
    "google.protobuf.Timestamp": ("an instant like 2026-02-28T00:00:00Z", _text(INSTANT)),
    "google.protobuf.Duration": ("seconds like 2.5s", _text(SPAN)),
}
