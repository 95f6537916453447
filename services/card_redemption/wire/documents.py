"""YAML that operators hand in, read as what it says and nothing else.

Only mappings, lists and plain words come out: PyYAML parses, and every scalar is read here, for in YAML 1.1 `1:30` is
ninety and `no` is false. Anchors, aliases, tags, keys that stand twice, and nesting without an end are refused, so no
document grows beyond its own length. Whatever is wrong is DOCUMENT_MALFORMED, with the place of it.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

import yaml

from services.kernel.errors import InvalidArgument
from services.runtime.ground.hygiene import clean

DEPTH_MAX = 6
BYTES_MAX = 16_384
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
"""A whole number that fits 63 bits; no sign +, no _, no leading 0, no other base."""
_FLAGS = {"true": True, "false": False}

E = TypeVar("E", bound=StrEnum)


def read_document(document: bytes) -> "Fields":
    """The one mapping that a document is."""
    if len(document) > BYTES_MAX:
        raise _malformed("", f"it is longer than {BYTES_MAX} bytes")
    try:
        events = _Events(document.decode("utf-8"))
        node = _of(events.next(), events, 0)
        events.end()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _malformed("", " ".join(str(error).split())) from error
    return Fields(node, "")


class Fields:
    """The fields of a mapping. Each is taken once, by its type; `end` refuses what nobody asked for."""

    def __init__(self, node: object, path: str) -> None:
        if not isinstance(node, dict):
            raise _malformed(path, "there should be a mapping")
        self._left: dict[str, object] = dict(node)
        self._path = path

    @property
    def names(self) -> list[str]:
        """The names of the fields that are left."""
        return list(self._left)

    def fields(self, name: str) -> "Fields":
        """A mapping; an empty one where there is none."""
        return Fields(self._left.pop(name, {}), self._at(name))

    def word(self, name: str) -> str:
        """A text."""
        return self._plain(name, self._taken(name))

    def member(self, name: str, kind: type[E], default: E | None = None) -> E:
        """A member of an enumeration, by its name."""
        if default is not None and name not in self._left:
            return default
        return _member(self.word(name), kind, self._at(name))

    def members(self, name: str, kind: type[E], default: tuple[E, ...]) -> tuple[E, ...]:
        """A list of members."""
        if name not in self._left:
            return default
        return tuple(_member(word, kind, self._at(name)) for word in self.words(name))

    def words(self, name: str) -> list[str]:
        """A list of texts; an empty one where there is none."""
        node = self._left.pop(name, [])
        if not isinstance(node, list):
            raise _malformed(self._at(name), "there should be a list")
        return [self._plain(name, each) for each in node]

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        if default is not None and name not in self._left:
            return default
        text = self.word(name)
        if not _WHOLE.fullmatch(text):
            raise _malformed(self._at(name), f"{text[:40]!r} is no whole number of at most 18 digits")
        return int(text)

    def maybe_whole(self, name: str) -> int | None:
        """A whole number; None where there is none."""
        return self.whole(name) if name in self._left else None

    def flag(self, name: str) -> bool:
        """`true` or `false`; false where it is not given."""
        if name not in self._left:
            return False
        text = self.word(name)
        if text not in _FLAGS:
            raise _malformed(self._at(name), f"{text[:40]!r} is neither true nor false")
        return _FLAGS[text]

    def end(self) -> None:
        """Refuse fields that nobody took: a misspelt one must not be a default in silence."""
        if self._left:
            raise _malformed(self._at(min(self._left)), "nothing of this name is known here")

    def _taken(self, name: str) -> object:
        if name not in self._left:
            raise _malformed(self._at(name), "it is missing")
        return self._left.pop(name)

    def _plain(self, name: str, node: object) -> str:
        if not isinstance(node, str):
            raise _malformed(self._at(name), "there should be one plain value")
        return node

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


class _Events:
    """The events of one document."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = (
            event for event in yaml.parse(text, Loader=yaml.SafeLoader)
            if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent)
        )

    def next(self) -> yaml.Event:
        """The next one; nobody may name things, or say of which type they are."""
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _malformed("", "it is empty")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _malformed("", "anchors and aliases are not allowed")
        if getattr(event, "tag", None):
            raise _malformed("", "tags are not allowed")
        if isinstance(event, yaml.ScalarEvent) and not clean(event.value):
            raise _malformed("", "it holds characters that nobody can see, or is not in its usual form (NFC)")
        return event

    def end(self) -> None:
        """Refuse another document behind this one."""
        ends = next(self._events), next(self._events)
        if not isinstance(ends[1], yaml.StreamEndEvent):
            raise _malformed("", "it is more than one document")


def _of(event: yaml.Event, events: _Events, depth: int) -> object:
    if depth > DEPTH_MAX:
        raise _malformed("", f"it is deeper than {DEPTH_MAX}")
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, depth))
    return _mapping(events, depth)


def _items(events: _Events, depth: int) -> Iterator[object]:
    while not isinstance(event := events.next(), yaml.SequenceEndEvent):
        yield _of(event, events, depth + 1)


def _mapping(events: _Events, depth: int) -> dict[str, object]:
    fields: dict[str, object] = {}
    while not isinstance(event := events.next(), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise _malformed("", "a name is one plain value")
        if event.value in fields:
            raise _malformed(event.value, "it stands twice")
        fields[event.value] = _of(events.next(), events, depth + 1)
    return fields


def _member(word: str, kind: type[E], path: str) -> E:
    if word not in kind.__members__:
        raise _malformed(path, f"{word[:40]!r} is none of {', '.join(kind.__members__)}")
    return kind[word]


def _malformed(path: str, detail: str) -> InvalidArgument:
    told = f"{path[:120]}: {detail}" if path else detail
    return InvalidArgument("DOCUMENT_MALFORMED", told, {"field": path[:120]} if path else None)
