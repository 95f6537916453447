"""The events of the contract: which there are on which topic, what they carry, and what is promised of them.

An event is a message of a file `*events.proto` that no other message holds. `ce_type` is its full name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor

from gateway.contract import files
from gateway.documents.comments import comment

FILES = ("*/v1/*events_pb2.py", "audit/v1/round_pb2.py")
"""The generated modules of the contract that have its events."""
PROMISES: Mapping[str, str] = {
    "key": "The aggregate's id; all events of one aggregate are in one partition, in the order of `ce_sequence`.",
    "sequence": "`ce_sequence` counts the events of an aggregate from 1 on without a gap.",
    "delivery": "At least once: the same bytes on every repetition, so `ce_id` (key and sequence) tells a copy.",
    "when": "Published after the commit that made them so; `ce_time` is the instant of the decision.",
    "retention": (
        "7 days in Kafka. The service's database keeps every event for ever by default and publishes them again,"
        " key, value and headers as first sent: `settle events replay`."
    ),
    "evolution": "Fields are added, never renumbered, retyped or reused; a check refuses what breaks a reader.",
}
HEADERS: Mapping[str, str] = {
    "ce_id": "Key and sequence, `<key>/<sequence>`: unique among the events of a service.",
    "ce_source": "`settlement/<service>`.",
    "ce_specversion": "`1.0`: CloudEvents, binary mode.",
    "ce_type": "Full name of the message in the value.",
    "ce_time": "The instant of the decision, ISO 8601 with its offset.",
    "ce_subject": "The key.",
    "ce_sequence": "The number within the aggregate.",
    "content-type": "`application/protobuf`.",
    "mac": (
        "`<service>:<version of its key>:<code>`, by which services know what they sent each other; a repetition after"
        " the key was changed has another one. Subscribers have no key of ours, and do not read it."
    ),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of events. `of` are the events on it, in the order of the contract."""

    name: str
    service: str
    of: tuple[Descriptor, ...]


@cache
def topics() -> tuple[Topic, ...]:
    """All topics of events, by name."""
    found: dict[str, list[Descriptor]] = {}
    for descriptor in _events():
        found.setdefault(descriptor.file.package.split(".")[1], []).append(descriptor)
    return tuple(Topic(f"settlement.{name}.events.v1", name, tuple(of)) for name, of in sorted(found.items()))


def _events() -> Iterator[Descriptor]:
    for pattern in FILES:
        for file in files(pattern):
            messages = file.message_types_by_name.values()
            held = {field.message_type for message in messages for field in message.fields}
            yield from (message for message in messages if message not in held)


def catalogue() -> str:
    """The events for people, as Markdown."""
    lines = [
        "# Events", "", "Made by `python -m gateway.documents` from the contract; a test holds it current.", "",
        "## What is promised of each", "", *(f"- **{name}**: {told}" for name, told in PROMISES.items()), "",
        "## Headers", "", "| header | content |", "| --- | --- |",
        *(f"| `{name}` | {told} |" for name, told in HEADERS.items()),
    ]
    for topic in topics():
        lines += ["", f"## {topic.name}", "", "| event | when | fields |", "| --- | --- | --- |"]
        lines += [_row(event) for event in topic.of]
    return "\n".join(lines) + "\n"


def _row(event: Descriptor) -> str:
    fields = ", ".join(f"`{field.name}`" for field in event.fields)
    return f"| `{event.full_name}` | {comment(event.full_name).replace('|', '/')} | {fields} |"
