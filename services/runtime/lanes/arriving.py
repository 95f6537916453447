"""A record as a lane takes it: a message to decide, or one that cannot be read or trusted, with its place."""

from dataclasses import replace

from services.kernel.errors import Undecodable, Untrusted
from services.kernel.messages import Message
from services.runtime.ground.codec import Codec
from services.runtime.ground.macs import Verifier
from services.runtime.kafka.incoming import read
from services.runtime.kafka.reader import Record
from services.runtime.lanes.item import Item, RecordPlace, read_again


def arrived(codec: Codec, topic: str, record: Record, consumed: int) -> Item | None:
    """The record as an item, where its partition is `consumed` up to there; None if it does not come again."""
    return read_again(_read(codec, topic, record), consumed)


def trusted(verifier: Verifier, topic: str, record: Record) -> Record:
    """The record, with a flaw if nobody of ours can be shown to have sent it: then nothing in it counts."""
    if record.flaw is not None:
        return record
    try:
        verifier.check(topic, record.key, record.value, record.headers)
    except Untrusted as error:
        return replace(record, flaw=error)
    return record


def _read(codec: Codec, topic: str, record: Record) -> Item:
    place = RecordPlace(topic, record.partition, record.offset, record.headers, record.value)
    try:
        if record.flaw is not None:
            raise record.flaw
        return Item(read(codec, record.key, record.headers, record.value), record=place)
    except Undecodable as error:
        key = (record.key or b"").decode(errors="replace").replace("\x00", "")
        return Item(Message(id="", key=key, body=None), record=place, fault=error)
