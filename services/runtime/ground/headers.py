"""The headers of a record as they are kept until Kafka has it: in a quarter of their length.

A header is one byte for its name with its value behind it, or one byte for both where many records have it. The key of
the record, and what its id begins with (its saga, mostly), stand in several headers, each as one byte there. What does
not fit into that is kept as JSON, as all headers were before. Both forms are read, whichever is written.
"""

import re

import msgspec

from services.kernel.errors import Defect
from services.runtime.ground.records import Headers

_NAMES = (
    "ce_id", "ce_source", "ce_specversion", "ce_type", "ce_time", "ce_subject", "content-type", "ce_saga", "ce_branch",
    "ce_op", "ce_replyto", "ce_notafter", "ce_sequence", "ce_oldestsaga", "traceparent",
)
_COMMON = (
    ("ce_specversion", b"1.0"), ("content-type", b"application/protobuf"),
    ("ce_source", b"settlement/order"), ("ce_source", b"settlement/credit_ledger"),
    ("ce_source", b"settlement/card_redemption"), ("ce_type", b"settlement.saga.v1.Reply"),
    ("ce_branch", b"credit_ledger"), ("ce_branch", b"card_redemption"),
    ("ce_op", b"T"), ("ce_op", b"F"), ("ce_op", b"C"), ("ce_op", b"E"),
)
"""Both are read by their places, in rows of whatever release: what is new goes to the end."""
_BYTE_OF_NAME = {name: bytes([0x80 + place]) for place, name in enumerate(_NAMES)}
_BYTE_OF_COMMON = {header: bytes([0xC0 + place]) for place, header in enumerate(_COMMON)}
_NAME_OF = {byte: name for name, byte in _BYTE_OF_NAME.items()}
_COMMON_OF = {byte: header for header, byte in _BYTE_OF_COMMON.items()}
_SHORT, _END, _KEY, _ID = b"\x01", b"\x00", b"\x02", b"\x03"
_PRINTABLE = bytes(range(0x20, 0x7F))
_EACH = re.compile(rb"([\x80-\xff])([^\x80-\xff]*)")
_PLAIN = msgspec.json.Decoder(Headers)


def packed(headers: Headers, key: str, short: bool) -> bytes:
    """The headers of a record with this key, `short` where every process that may read them knows that form."""
    return (_shortened(headers, key.encode()) if short else None) or msgspec.json.encode(headers)


def unpacked(kept: bytes, key: str) -> Headers:
    """The headers of a record with this key, in whichever form they were kept; a form of no release is a defect."""
    if not kept.startswith(_SHORT):
        return _PLAIN.decode(kept)
    begins, _, text = kept.removeprefix(_SHORT).partition(_END)
    each = _EACH.findall(text.replace(_ID, begins).replace(_KEY, key.encode()))
    try:
        return [_COMMON_OF.get(byte) or (_NAME_OF[byte], value) for byte, value in each]
    except KeyError as unknown:
        raise Defect(f"the headers of a record for {key} are of a later release: byte {unknown}") from None


def _shortened(headers: Headers, key: bytes) -> bytes | None:
    """The short form; None for names and characters that it has no room for."""
    if b"".join([value for _, value in headers]).translate(None, _PRINTABLE):
        return None
    try:
        text = b"".join([
            _BYTE_OF_COMMON.get(header) or _BYTE_OF_NAME[header[0]] + header[1] for header in headers
        ])
    except KeyError:
        return None
    begins = headers[0][1].partition(b"/")[0] if headers else b""
    if key:
        text = text.replace(key, _KEY)
    if begins in (b"", key):
        return _SHORT + _END + text
    return _SHORT + begins + _END + text.replace(begins, _ID)
