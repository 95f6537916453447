"""A record as a lane takes it: a message to decide, or one that cannot be read, with its place."""

from services.kernel.errors import Undecodable
from services.kernel.messages import Message
from services.runtime.ground.codec import Codec
from services.runtime.kafka.incoming import read
from services.runtime.kafka.reader import Record
from services.runtime.lanes.item import Item, RecordPlace, read_again


def arrived(codec: Codec, topic: str, record: Record, consumed: int) -> Item | None:
    """The record as an item, where its partition is `consumed` up to there; None if it does not come again."""
    return read_again(_read(codec, topic, record), consumed)


def _read(codec: Codec, topic: str, record: Record) -> Item:
    place = RecordPlace(topic, record.partition, record.offset, record.headers, record.value)
    try:
        if record.flaw is not None:
            raise record.flaw
        return Item(read(codec, record.key, record.headers, record.value), record=place)
    except Undecodable as error:
        key = (record.key or b"").decode(errors="replace").replace("\x00", "")
        return Item(Message(id="", key=key, body=None), record=place, fault=error)
