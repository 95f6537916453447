"""Values at and beyond every edge, for every field of a request at any depth."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Wire
from hypothesis import strategies as st

INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
KEPT = frozenset({"request_id", "wait_timeout"})
"""What a stage gives itself, and what waits for a database that is not there."""

AMOUNTS = (
    0, 1, -1, 2, 3, 7, 100, 10**6 - 1, 10**6, 10**6 + 1, 10**12, 10**13 - 1, 10**13, 10**13 + 1, -(10**13), 10**15,
    2**62, 2**63 - 1, -(2**63), 5 * 10**12, 2**53,
)
SMALL = (0, 1, -1, 2, 28, 29, 30, 31, 32, 119, 120, 121, 499, 500, 3660, 3661, 10**6, 2**31 - 1, -(2**31))
TEXTS = (
    "", " ", "x", "x" * 64, "x" * 65, "x" * 501, "nul\x00", "王芳", "ａｎｎ", "1970-01-01", "1969-12-31", "2200-12-31",
    "2201-01-01", "0001-01-01", "9999-12-31", "2026-02-29", "2026-03-10", "2026-03-31", "acc_1", "acc_none",
    "ord_shipped",
    "ord_none", "ret_none", "crd_1", "L.CUST.WALLET", "L.CREDITBAL", "A.CUST.RECV", "X.SUSPENSE", "A.LOAN.FEE", "a/b",
)
Place = tuple[str | int, ...]


def places(request: Wire) -> Iterator[Place]:
    """The way to each field that is set, or could be, and to each element of a list: ("lines", 0, "quantity")."""
    for field in request.DESCRIPTOR.fields:
        if field.name in KEPT:
            continue
        yield (field.name,)
        if field.message_type is None:
            continue
        value = getattr(request, field.name)
        if field.is_repeated:
            for index, element in enumerate(value):
                yield from ((field.name, index, *place) for place in places(element))
        elif field.message_type.file.package.startswith("settlement."):
            yield from ((field.name, *place) for place in places(value))


@st.composite
def changed(draw: st.DrawFn, requests: tuple[Wire, ...], fields_max: int = 3) -> Wire:
    """One of these requests with up to so many of its fields at an edge or beyond it."""
    request = type(base := draw(st.sampled_from(requests)))()
    request.CopyFrom(base)
    for _ in range(draw(st.integers(1, fields_max))):
        _change(draw, request, draw(st.sampled_from(tuple(places(request)))))
    return request


def _change(draw: st.DrawFn, request: Wire, place: Place) -> None:
    holder: Any = request
    for step in place[:-1]:
        holder = getattr(holder, step) if isinstance(step, str) else holder[step]
    name = str(place[-1])
    field = holder.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        _change_list(draw, getattr(holder, name), field)
    elif field.message_type is not None:
        holder.ClearField(name) if draw(st.booleans()) else getattr(holder, name).SetInParent()
    else:
        setattr(holder, name, draw(_value(field, getattr(holder, name))))


def _change_list(draw: st.DrawFn, values: Any, field: FieldDescriptor) -> None:
    what = draw(st.sampled_from(("none", "twice", "many", "other")))
    before = list(values)
    del values[:]
    if what == "other" and field.message_type is None:
        values.extend(draw(st.lists(_value(field, before[0] if before else None), max_size=3)))
    elif what != "none":
        values.extend(before * {"twice": 2, "many": 21}.get(what, 1))


def _value(field: FieldDescriptor, before: Any) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.integers(-1, len(field.enum_type.values))
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return st.sampled_from(AMOUNTS) | st.integers(0, 10**13)
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
        return st.sampled_from(SMALL)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.sampled_from((b"", b"\x00", b"junk", b"x" * 65_537))
    return st.sampled_from((*TEXTS, str(before).upper(), f" {before}"))
