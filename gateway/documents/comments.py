"""What the contract's comments say of each message, field, value, service and method, by full name."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from gateway.contract import ROOT

_SET = "contract.binpb"
_MEMBERS = {
    "file": {4: "message_type", 5: "enum_type", 6: "service"},
    "message": {2: "field", 3: "nested_type", 4: "enum_type", 8: "oneof_decl"},
    "enum": {2: "value"},
    "service": {2: "method"},
}
"""The lists of descriptor.proto that a location's path goes through: by the number of the field, its name."""
_KINDS = {"message_type": "message", "nested_type": "message", "enum_type": "enum", "service": "service"}


@cache
def comments() -> dict[str, str]:
    """Comment by full name, each as one paragraph."""
    files = FileDescriptorSet.FromString((ROOT / _SET).read_bytes()).file
    return {name: text for file in files for name, text in _commented(file)}


def comment(full_name: str) -> str:
    """What is said of something; empty if nothing is."""
    return comments().get(full_name, "")


def first_sentence(text: str) -> str:
    """Up to the first full stop, or a colon: what a list of methods shows."""
    ends = [at for mark in (". ", ": ") if (at := text.find(mark)) > 0]
    return text[: min(ends)].rstrip(".") if ends else text.rstrip(".")


def _commented(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = " ".join(location.leading_comments.split())
        if text and (name := _name(file, location.path)):
            yield f"{file.package}.{name}", text


def _name(file: FileDescriptorProto, path: Sequence[int]) -> str:
    """The name below the package of what a path leads to; empty where it leads to something without a name."""
    found: Any = file  # Any: descriptors of several kinds
    kind, names = "file", []
    for number, index in zip(path[::2], path[1::2], strict=False):
        member = _MEMBERS.get(kind, {}).get(number)
        if member is None:
            return ""
        found, kind = getattr(found, member)[index], _KINDS.get(member, "leaf")
        names.append(found.name)
    return "" if len(path) % 2 else ".".join(names)
