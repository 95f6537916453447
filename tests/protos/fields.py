"""Every field of every request, at any depth, for tests that hold the whole contract to something."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

GENERATED = Path(__file__).parents[2] / "protos/gen"
READS = ("Get", "List", "Watch", "Quote", "Preview", "Explain", "Can")


def methods() -> Iterator[MethodDescriptor]:
    """Every method of every service of ours."""
    for path in sorted((GENERATED / "settlement").rglob("*_service_pb2.py")):
        name = ".".join(path.relative_to(GENERATED).with_suffix("").parts)
        for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values():
            yield from service.methods


def request_fields() -> Iterator[tuple[str, FieldDescriptor]]:
    """The place of each field, as "settlement.order.v1.PlaceOrderRequest.lines.quantity", and the field. A timestamp
    and a duration are fields; what they are made of is not."""
    for method in methods():
        yield from _fields(method.input_type, method.input_type.full_name, ())


def rules(field: FieldDescriptor) -> Any:  # Any: generated code of an extension
    """The rules of a field; empty where it has none."""
    return field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]  # it is built at run time


def _fields(
    message: Descriptor, place: str, outer: tuple[str, ...]
) -> Iterator[tuple[str, FieldDescriptor]]:
    for field in message.fields:
        here = f"{place}.{field.name}"
        yield here, field
        inner = field.message_type
        if inner is not None and inner.file.package.startswith("settlement.") and inner.full_name not in outer:
            yield from _fields(inner, here, (*outer, inner.full_name))
