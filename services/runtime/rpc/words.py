"""What is wrong with a request, in words for people: protovalidate's rules speak of regular expressions and lists."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from protovalidate import Violation

from services.runtime.ground.hygiene import PAPERS, PEOPLE

REQUIRED = "is required"
UNCLEAN = "shows nothing, holds characters that nobody can see, or is not in its usual form (NFC)"
NAMES = "may hold letters of Latin script, Chinese characters, digits, spaces and any of . _ - : @ +"
REFERENCES = "may hold letters of Latin script, Chinese characters, digits, and the punctuation of both"
_ID = re.compile(r"\^([a-z]+_)\[A-Za-z0-9_-\]\{1,([0-9]+)\}\$")
_NAME = re.compile(r"\^\[A-Za-z0-9_.:-\]\{1,([0-9]+)\}\$")
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_NUMBER = r"(\S+?)s?"
_RANGES = [(re.compile(pattern), words) for pattern, words in (
    (f"must be greater than or equal to {_NUMBER} and less than or equal to {_NUMBER}", "must be from {} to {}"),
    (f"must be greater than {_NUMBER} and less than or equal to {_NUMBER}", "must be above {} and at most {}"),
    (f"must be greater than or equal to {_NUMBER} and less than {_NUMBER}", "must be at least {} and below {}"),
    (f"must be greater than or equal to {_NUMBER}", "must be at least {}"),
    (f"must be greater than {_NUMBER}", "must be above {}"),
    (f"must be less than or equal to {_NUMBER}", "must be at most {}"),
    (f"must be less than {_NUMBER}", "must be below {}"),
)]


def unclean(path: str) -> str:
    """What is wrong with the text of a field that is not clean."""
    name = path.rpartition(".")[2]
    return NAMES if name in PEOPLE else REFERENCES if name in PAPERS else UNCLEAN


def path_of(violation: Violation) -> str:
    """Where the violation is, as `lines[0].title`; empty for one of the whole request."""
    field = violation.proto.field
    return ".".join(map(_element, field.elements)) if field else ""


def _element(element: Any) -> str:  # Any: protovalidate has classes of its own
    place = element.subscript
    return f"{element.field_name}[{place.value}]" if place is not None else str(element.field_name)


def told(violation: Violation, request: Message) -> str:
    """What is wrong, to be read behind the name of the field: "must be a UUID"."""
    rule = violation.proto.rule_id
    if rule.isupper():
        return str(violation.proto.message)
    if rule == "required" and (choices := _choices(path_of(violation), request)):
        return f"needs one of {', '.join(choices)}"
    if rule in ("required", "string.uuid_empty") or _is_missing(rule, violation):
        return REQUIRED
    words = _WORDS.get(rule)
    return _range(violation) if words is None else words(violation.rule_value)


def _choices(name: str, request: Message) -> list[str]:
    """The fields of a oneof of the request, if this is the name of one."""
    choice = request.DESCRIPTOR.oneofs_by_name.get(name)
    return [field.name for field in choice.fields] if choice is not None else []


def _is_missing(rule: str, violation: Violation) -> bool:
    """Whether the rule is broken because nothing was given; an enum's zero value is nothing."""
    kind = rule.split(".")[-1]
    return kind in ("pattern", "min_len", "min_items", "not_in") and not violation.field_value


def _pattern(pattern: str) -> str:
    if pattern == _DATE:
        return "must be a date as YYYY-MM-DD"
    if match := _ID.fullmatch(pattern):
        return f"must be {match[1]} and 1 to {match[2]} letters, digits, - or _"
    if match := _NAME.fullmatch(pattern):
        return f"must be 1 to {match[1]} letters, digits, or any of _ . : -"
    return "is not of the form that is needed"


def _range(violation: Violation) -> str:
    """Numbers and times have bounds, which protovalidate tells in a sentence of its own."""
    message = str(violation.proto.message)
    unit = " seconds" if violation.proto.rule_id.startswith("duration.") else ""
    for pattern, words in _RANGES:
        if match := pattern.fullmatch(message):
            return words.format(*match.groups()) + unit
    return message


_WORDS: dict[str, Callable[[Any], str]] = {  # Any: a rule's value is of any type
    "string.uuid": lambda _: "must be a UUID",
    "string.pattern": _pattern,
    "string.const": lambda value: f"must be {value}",
    "string.min_len": lambda value: f"is too short: at least {value} characters",
    "string.max_len": lambda value: f"is too long: at most {value} characters",
    "bytes.max_len": lambda value: f"is too long: at most {value} bytes",
    "enum.defined_only": lambda _: "is none of the values that there are",
    "enum.not_in": lambda _: "is not a value that can be given here",
    "repeated.min_items": lambda value: f"needs at least {value}",
    "repeated.max_items": lambda value: f"holds too many: at most {value}",
}
