"""Records as nobody of ours writes them: from good ones, by changing what a record is made of: key, headers, payload.

Everything comes from one `random.Random`, so a seed tells the whole story.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Headers = list[tuple[str, bytes | None]]

LONG = 6_000
_NUMBERS = (0, 1, -1, 13, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63), 7_289_654_399, 7_289_654_400)
_TEXTS = (
    "", "a", "ord_1", "2026-03-10", "9999-12-31", "0001-01-01", "CNY", "order/ord_1", "a\x00b", "\x01", "e\u0301",
    "\u202eright to left", "\U0001f4a3", "%s%n", "'; drop table inbox", "x" * LONG,
)
_BYTES = (
    b"", b"\x00", b"\xff\xfe", b"a\x00b", b"9" * LONG, b"x" * LONG, b"-1", b"order/", b"/ord_1", b"order", b"or der!/a",
    b"billing/a", b"../a", b"\xc3\x28", "\u202e".encode(), b"E\n", b"T", b"F", b"C", b"Z",
    b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-12:00", b"2026-03-10T01:00:00", b"2026-03-10T01:00:00+00:00",
    b"google.protobuf.Any", b"settlement.saga.v1.Reply", b"1" * 18, b"\xc2\xb2",
)
_NAMES = (
    "ce_type", "ce_id", "ce_saga", "ce_branch", "ce_op", "ce_replyto", "ce_notafter", "ce_parkedid", "ce_sequence",
    "traceparent", "", "\x00", "x" * 300,
)
_INTEGERS = frozenset({
    FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_ENUM,
})


@dataclass
class Record:
    """One record; `innocent` if nothing of it was changed."""

    key: bytes | None
    headers: Headers
    value: bytes
    innocent: bool = True


@dataclass
class Poisoner:
    """Makes one bad record after another from good ones and from messages of these types."""

    chance: random.Random
    kinds: list[type[Message]]
    payloads: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.payloads = [
            self.message(self.chance.choice(self.kinds)).SerializeToString() for _ in range(40 * len(self.kinds))
        ]

    def message(self, kind: type[Message], depth: int = 0) -> Message:
        """A message of this type with any values that its fields can hold."""
        message = kind()
        for each in message.DESCRIPTOR.fields:
            for _ in range(self.chance.choice((0, 1, 3)) if each.is_repeated else self.chance.choice((0, 1, 1))):
                self._fill(message, each, depth)
        return message

    def _fill(self, message: Message, each: Any, depth: int) -> None:  # Any: the stubs know two classes of descriptors
        if each.type == FieldDescriptor.TYPE_MESSAGE:
            if depth < 4:
                target = getattr(message, each.name)
                inner: Any = target.add() if each.is_repeated else target  # Any: whatever the field holds
                inner.SetInParent()
                inner.MergeFrom(self.message(type(inner), depth + 1))
            return
        value = self._value(each)
        if each.is_repeated:
            getattr(message, each.name).append(value)
        else:
            setattr(message, each.name, value)

    def _value(self, each: Any) -> Any:  # Any: as above, and of the field's own type
        if each.type == FieldDescriptor.TYPE_STRING:
            return self.chance.choice(_TEXTS)
        if each.type == FieldDescriptor.TYPE_BYTES:
            return self.chance.choice(_BYTES)
        if each.type == FieldDescriptor.TYPE_BOOL:
            return self.chance.random() < 0.5
        assert each.type in _INTEGERS, each.full_name
        number = self.chance.choice(_NUMBERS)
        narrow = each.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_ENUM)
        if narrow:
            return max(min(number, 2**31 - 1), -(2**31))
        if each.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
            return abs(number) % 2 ** (32 if each.cpp_type == FieldDescriptor.CPPTYPE_UINT32 else 64)
        return number

    def spoil(self, good: Record) -> Record:
        """A bad record: one to three changes of a good one."""
        bad = Record(good.key, list(good.headers), good.value, innocent=False)
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            self.chance.choice(_CHANGES)(self, bad)
        return bad


def _key(poisoner: Poisoner, record: Record) -> None:
    record.key = poisoner.chance.choice((None, *_BYTES))


def _drop(poisoner: Poisoner, record: Record) -> None:
    if record.headers:
        record.headers.pop(poisoner.chance.randrange(len(record.headers)))


def _double(poisoner: Poisoner, record: Record) -> None:
    if record.headers:
        name, value = poisoner.chance.choice(record.headers)
        record.headers.append((name, poisoner.chance.choice((value, b"other"))))


def _change(poisoner: Poisoner, record: Record) -> None:
    if record.headers:
        place = poisoner.chance.randrange(len(record.headers))
        record.headers[place] = (record.headers[place][0], poisoner.chance.choice((None, *_BYTES)))


def _add(poisoner: Poisoner, record: Record) -> None:
    record.headers.append((poisoner.chance.choice(_NAMES), poisoner.chance.choice((None, *_BYTES))))


def _shuffle(poisoner: Poisoner, record: Record) -> None:
    poisoner.chance.shuffle(record.headers)


def _retype(poisoner: Poisoner, record: Record) -> None:
    name = poisoner.chance.choice(poisoner.kinds).DESCRIPTOR.full_name
    record.headers = [(n, name.encode() if n == "ce_type" else value) for n, value in record.headers]


def _refill(poisoner: Poisoner, record: Record) -> None:
    """Another message of its own type, with any values."""
    named = next((value for name, value in record.headers if name == "ce_type"), None)
    kinds = [kind for kind in poisoner.kinds if kind.DESCRIPTOR.full_name.encode() == named]
    if kinds:
        record.value = poisoner.message(kinds[0]).SerializeToString()


def _replace(poisoner: Poisoner, record: Record) -> None:
    record.value = poisoner.chance.choice(poisoner.payloads)


def _flip(poisoner: Poisoner, record: Record) -> None:
    if record.value:
        changed = bytearray(record.value)
        changed[poisoner.chance.randrange(len(changed))] ^= 1 << poisoner.chance.randrange(8)
        record.value = bytes(changed)


def _cut(poisoner: Poisoner, record: Record) -> None:
    record.value = record.value[: poisoner.chance.randrange(len(record.value) + 1)]


def _noise(poisoner: Poisoner, record: Record) -> None:
    record.value = poisoner.chance.randbytes(poisoner.chance.choice((1, 7, 64, 500)))


_CHANGES: tuple[Callable[[Poisoner, Record], None], ...] = (
    _key, _drop, _double, _change, _change, _add, _shuffle, _retype, _refill, _refill, _replace, _flip, _cut, _noise,
)
