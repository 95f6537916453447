"""What text may hold (P3): NFC, and no control, format or surrogate characters; PostgreSQL itself refuses only NUL.

protobuf accepts them all, so every message is looked at once, where it enters. Fields that name people or papers hold
only what an eye can tell apart (`kernel/people.py`). Text that has to be given shows something: a blank is no reason.
"""

import unicodedata
from collections.abc import Callable
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.kernel.people import flaw_of_name, flaw_of_paper

PEOPLE = frozenset({"maker", "checker", "operator_id", "supervisor_id"})
"""The fields that name a person who acts for the house; a test asks every request for others."""
PAPERS = frozenset({"evidence", "evidence_reference"})
"""The fields that refer to papers."""

Clean = Callable[[str], bool]
_REFUSED = frozenset({"Cc", "Cf", "Cs"})
_UNSEEN = "CMZ"
"""The first letters of the categories whose signs show nothing by themselves: controls, marks, separators."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Blanks that Unicode counts among letters and symbols."""
_plans: dict[type[Message], list[tuple[str, Clean | None, bool]]] = {}


def clean(text: str) -> bool:
    """Whether a text may be stored and shown."""
    if text.isascii():
        return text.isprintable()
    if not unicodedata.is_normalized("NFC", text):
        return False
    return text.isprintable() or not any(unicodedata.category(character) in _REFUSED for character in text)


def shows(text: str) -> bool:
    """Whether there is anything to see in a text."""
    return any(unicodedata.category(sign)[0] not in _UNSEEN and sign not in _FILLERS for sign in text)


def flaw(message: Message) -> str:
    """The name of the first field, at any depth, whose text is not clean; empty if there is none. Text that has to be
    given and is not is the contract's affair, text that is given and shows nothing is a flaw."""
    plan = _plans.get(type(message))
    if plan is None:
        plan = _plans[type(message)] = _plan(message.DESCRIPTOR)
    for name, is_clean, repeated in plan:
        if is_clean is not None:
            value = getattr(message, name)
            if value and not (all(map(is_clean, value)) if repeated else is_clean(value)):
                return name
        elif repeated or message.HasField(name):
            value = getattr(message, name)
            for part in value if repeated else (value,):
                if found := flaw(part):
                    return f"{name}.{found}"
    return ""


def _plan(descriptor: Any) -> list[tuple[str, Clean | None, bool]]:  # Any: the stubs know two classes of descriptors
    """The fields that can hold text: (name, what is clean there; None for a message, repeated).
    We have no map fields."""
    return [
        (f.name, _clean_in(f) if f.type == FieldDescriptor.TYPE_STRING else None, f.is_repeated)
        for f in descriptor.fields if _holds_text(f, frozenset())
    ]


def _holds_text(field: FieldDescriptor, within: frozenset[str]) -> bool:
    """Whether there can be text in a field, at any depth: in no time, for one. What it is `within` is looked at."""
    kind = field.message_type
    if kind is None or kind.full_name in within:
        return bool(field.type == FieldDescriptor.TYPE_STRING)
    return any(_holds_text(each, within | {kind.full_name}) for each in kind.fields)


def _clean_in(field: FieldDescriptor) -> Clean:
    if field.name in PEOPLE:
        return lambda text: clean(text) and not flaw_of_name(text)
    if field.name in PAPERS:
        return lambda text: clean(text) and not flaw_of_paper(text)
    return (lambda text: clean(text) and (not text or shows(text))) if _has_to_be_given(field) else clean


def _has_to_be_given(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]  # the stubs lack extensions
    return bool(rules.string.min_len or rules.repeated.items.string.min_len)
