"""Each message of the contract as a JSON Schema: what proto3 JSON takes and gives."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.documents.bounds import Schema, bounded, items, rules_of
from gateway.documents.comments import comment
from gateway.shapes import SPAN, WHOLE

_F = FieldDescriptor
_LARGE: Schema = {"type": ["string", "integer"], "format": "int64", "pattern": f"^{WHOLE}$"}
"""Written as text, for a number of JSON does not hold it everywhere; read in either form."""
_SMALL: Schema = {"type": "integer", "format": "int32"}
_SCALARS: Mapping[int, Schema] = {
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64), _LARGE),
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32, _F.TYPE_UINT32, _F.TYPE_FIXED32), _SMALL),
    _F.TYPE_BOOL: {"type": "boolean"}, _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_DOUBLE: {"type": "number"}, _F.TYPE_FLOAT: {"type": "number"},
}
_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": f"^{SPAN}$", "examples": ["2.5s"]},
    "google.protobuf.FieldMask": {"type": "string"},
}
_REQUIRED, _OUTPUT = field_behavior_pb2.REQUIRED, field_behavior_pb2.OUTPUT_ONLY


class Schemas:
    """The schemas that a document needs, gathered as they are referred to."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def reference(self, descriptor: Descriptor | EnumDescriptor) -> Schema:
        """Where the document has a message or an enum; it is put there if it is new."""
        if descriptor.full_name in _KNOWN:
            return dict(_KNOWN[descriptor.full_name])
        name = descriptor.full_name.removeprefix("settlement.")
        if name not in self.found:
            self.found[name] = {}  # a message may hold itself
            self.found[name] = self._written(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def body(self, descriptor: Descriptor, elsewhere: Iterable[str], by_header: Iterable[str]) -> Schema:
        """A request as a body, without the fields that the path gives; those that a header can give are not needed."""
        left = [field for field in descriptor.fields if field.name not in set(elsewhere)]
        needed = [field.json_name for field in left if is_required(field) and field.name not in set(by_header)]
        return self._object(descriptor, left, needed)

    def value(self, field: FieldDescriptor) -> Schema:
        """One value of a field, bounds and all; a list's element."""
        rules = rules_of(field)
        inner = rules.repeated.items if field.is_repeated else rules
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self.reference(field.enum_type)
        return bounded(_SCALARS[field.type], inner)

    def field(self, field: FieldDescriptor) -> Schema:
        """A field as a property."""
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            schema: Schema = {
                "type": "object", "additionalProperties": self.value(field.message_type.fields_by_name["value"])
            }
        elif field.is_repeated:
            schema = {"type": "array", "items": self.value(field)} | items(rules_of(field))
        else:
            schema = self.value(field)
        return schema | _about(field)

    def _written(self, descriptor: Descriptor | EnumDescriptor) -> Schema:
        if isinstance(descriptor, EnumDescriptor):
            values = [value.name for value in descriptor.values]
            told = "; ".join(f"{value.name}: {comment(_of_value(value))}" for value in descriptor.values)
            return {"type": "string", "enum": values, "description": f"{comment(descriptor.full_name)} {told}".strip()}
        needed = [field.json_name for field in descriptor.fields if is_required(field)]
        return self._object(descriptor, descriptor.fields, needed)

    def _object(self, descriptor: Descriptor, fields: Iterable[FieldDescriptor], needed: list[str]) -> Schema:
        schema: Schema = {
            "type": "object", "description": comment(descriptor.full_name), "additionalProperties": False,
            "properties": {field.json_name: self.field(field) for field in fields},
        }
        return schema | ({"required": needed} if needed else {})


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without it is refused."""
    return _REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _of_value(value: Any) -> str:  # Any: a value of an enum has no type of its own here
    return f"{value.type.full_name}.{value.name}"


def _about(field: FieldDescriptor) -> Schema:
    told = comment(field.full_name)
    choice = field.containing_oneof
    if choice is not None and len(choice.fields) > 1:
        told += f" Only one of {', '.join(one.json_name for one in choice.fields)}."
    behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    about: Schema = {"description": told.strip()}
    return about | ({"readOnly": True} if _OUTPUT in behaviour else {})
