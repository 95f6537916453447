"""From an HTTP request to the message that a gRPC caller would have sent.

The body is the request as proto3 JSON (both forms of names), or there is none and the query holds its fields
(`page_size=10`, `window.start=...`). What stands in the path, and the Idempotency-Key, are fields too; where the body
says something else of them, the request is refused. Nothing is guessed: what is unknown, given twice or no JSON is
refused with a reason.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from gateway.refusals import JSON, HttpRefusal
from gateway.shapes import check_object, field_of
from gateway.templates import Match
from services.kernel.errors import InvalidArgument

DEPTH_MAX = 32
"""How deeply a body may be nested; the contract's own messages need less than a third of it."""
QUERY_FIELDS_MAX = 100
REQUEST_ID = "request_id"
IDENTITY = "identity"
_SURROGATE = "\\ud"
"""How half a character is written, which alone is no text: protobuf falls over one in a name or an enum."""

_NUMBER = re.compile("0|[1-9][0-9]{0,9}", re.ASCII)
"""A value of an enum by its number."""

Fields = dict[str, Any]
"""A JSON object: the values of fields by name."""


def message_of(match: Match, query: str, body: bytes, idempotency_key: str | None) -> Message:
    """The request; raises `HttpRefusal`, 400, where it cannot be one."""
    method = match.method
    if method.has_body:
        if query:
            refuse("INVALID_ARGUMENT", "this method takes its fields in the body, not in the query")
        fields = _body(body)
    else:
        if body:
            refuse("INVALID_ARGUMENT", "this method takes no body")
        fields = _query(query, method.descriptor.input_type)
    for name, text in match.variables.items():
        _say(fields, method.descriptor.input_type, name, text, "the path")
    if idempotency_key is not None and REQUEST_ID in method.descriptor.input_type.fields_by_name:
        _say(fields, method.descriptor.input_type, REQUEST_ID, idempotency_key, "the Idempotency-Key")
    return _parsed(fields, method.request())


def refuse(reason: str, told: str) -> NoReturn:
    """400 with a reason."""
    raise HttpRefusal(400, InvalidArgument(reason, told))


def check_media_type(content_type: str | None, coding: str = IDENTITY) -> None:
    """415 unless a body says that it is JSON, in UTF-8 if it says in what, and is not packed."""
    kind, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    packed = coding.strip().lower() != IDENTITY
    if kind.strip().lower() != JSON or (parameters and charset != "utf-8") or packed:
        told = f"the body must be {JSON}, in UTF-8 and not packed"
        raise HttpRefusal(415, InvalidArgument("UNSUPPORTED_MEDIA_TYPE", told))


def _body(body: bytes) -> Fields:
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        if _SURROGATE in text.lower():
            json.dumps(said, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        refuse("MALFORMED_BODY", f"the body is nested more than {DEPTH_MAX} deep")
    except ValueError as error:
        refuse("MALFORMED_BODY", f"the body is no JSON: {error}")
    if not isinstance(said, dict):
        refuse("MALFORMED_BODY", "the body must be a JSON object")
    return said


def _once(pairs: Sequence[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return fields


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _query(query: str, descriptor: Descriptor) -> Fields:
    fields: Fields = {}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError as error:
        refuse("INVALID_ARGUMENT", f"the query cannot be read: {error}")
    for path, text in pairs:
        _put(fields, descriptor, path.split("."), text, path)
    return fields


def _put(fields: Fields, descriptor: Descriptor, names: Sequence[str], text: str, path: str) -> None:
    """Put one field of the query where it belongs, `a.b` into the message `a`."""
    field = field_of(descriptor, names[0])
    if field is None:
        refuse("INVALID_ARGUMENT", f"{path} is no field of this request")
    if len(names) > 1:
        inner = fields.setdefault(field.name, {})
        if field.message_type is None or field.is_repeated or not isinstance(inner, dict):
            refuse("INVALID_ARGUMENT", f"{path} is no field of this request")
        _put(inner, field.message_type, names[1:], text, path)
    elif field.is_repeated:
        fields.setdefault(field.name, []).append(_value(field, text))
    elif field.name in fields:
        refuse("INVALID_ARGUMENT", f"{path} is given twice")
    else:
        fields[field.name] = _value(field, text)


def _value(field: FieldDescriptor, text: str) -> object:
    """What proto3 JSON would have for a text of the query."""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.enum_type is not None and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _say(fields: Fields, descriptor: Descriptor, name: str, text: str, where: str) -> None:
    """A field that is given outside the body; the body may say the same."""
    field = descriptor.fields_by_name[name]
    given = [fields.pop(form) for form in {field.name, field.json_name} if form in fields]
    if any(_plain(field, said) != _plain(field, text) for said in given):
        refuse("CONTRADICTION", f"{name} differs from what {where} says")
    fields[name] = text


def _plain(field: FieldDescriptor, said: object) -> object:
    """A request id is a UUID, the same in any case of letters; a whole number is the same as text."""
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)
    return said.lower() if field.name == REQUEST_ID and isinstance(said, str) else said


def _parsed(fields: Fields, message: Message) -> Message:
    try:
        check_object(fields, message.DESCRIPTOR)
        made: Message = ParseDict(fields, message, max_recursion_depth=DEPTH_MAX)
    except (ParseError, ValueError, OverflowError, RecursionError) as error:
        refuse("INVALID_ARGUMENT", _told(str(error)))
    return made


def _told(text: str) -> str:
    """What the library says, without the names of its own."""
    return " ".join(text.split())[:300] or "the request cannot be read"
