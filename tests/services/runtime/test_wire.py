"""What goes over the wire and needs no server to see: statuses, and records whose text or bytes are not acceptable."""

from datetime import datetime

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from services.kernel.errors import ResourceExhausted, Undecodable
from services.runtime.ground.codec import Codec, Entry
from services.runtime.ground.records import PLACE
from services.runtime.ground.scalars import instant_from_wire
from services.runtime.kafka.incoming import read
from services.runtime.rpc.errors import to_status
from services.runtime.stored import parked
from settlement.operations.v1 import operations_service_pb2 as pb
from tests.services.runtime.test_rpc import type_name


def test_an_error_carries_exactly_one_error_info_and_when_to_retry() -> None:
    """Domain `settlement`, the reason, its metadata; RetryInfo where trying again helps."""
    error = ResourceExhausted("OVERLOADED", "full", {"retry_after_ms": "1500", "queue": "calls"})

    status = to_status(error)

    infos = [d for d in status.details if type_name(d) == "google.rpc.ErrorInfo"]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert len(infos) == 1
    assert infos[0].Unpack(info)
    assert status.details[1].Unpack(retry)
    assert (info.reason, info.domain, dict(info.metadata)) == ("OVERLOADED", "settlement", {"queue": "calls"})
    assert retry.retry_delay.ToMilliseconds() == 1500


def test_p3_bad_utf8_and_deep_nesting_are_refused_by_protobuf_itself() -> None:
    """Kept as a test, because we rely on it."""
    with pytest.raises(DecodeError):
        pb.GetSagaRequest.FromString(b"\x0a\x02\xff\xfe")


def test_p3_a_record_with_unclean_text_cannot_be_a_message() -> None:
    """The same rule holds for what Kafka brings: it is parked with a reason, not tried for ever."""
    codec = Codec(Entry(str, pb.GetSagaRequest, None, lambda m: m.saga_id))
    dirty = pb.GetSagaRequest(saga_id="nul\x00").SerializeToString()

    with pytest.raises(Undecodable):
        codec.decode("settlement.operations.v1.GetSagaRequest", dirty)


@pytest.mark.parametrize("seconds", [-1, 7_289_654_400, 2**62, -(2**62)])
def test_a_record_with_an_instant_out_of_range_cannot_be_a_message(seconds: int) -> None:
    """F5 over Kafka: it is parked; the OverflowError ended the reader,
    which met the record again in the next session."""
    codec = Codec(Entry(datetime, Timestamp, None, instant_from_wire))
    stamp = Timestamp(seconds=seconds).SerializeToString()

    with pytest.raises(Undecodable, match="INVALID_CONTENT"):
        codec.decode(Timestamp.DESCRIPTOR.full_name, stamp)


@pytest.mark.parametrize("deadline", [
    "2026-03-10T01:00:00", "1969-12-31T23:59:59+00:00", "2202-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00",
    "soon",
    "0001-01-01T00:00:00+14:00",
])
def test_a_record_with_a_deadline_that_none_of_ours_reckoned_cannot_be_a_message(deadline: str) -> None:
    """Without a zone it cannot even be compared with the present."""
    headers = [("ce_type", b""), ("ce_id", b"1"), ("ce_notafter", deadline.encode())]

    with pytest.raises(Undecodable, match="MALFORMED_HEADER"):
        read(Codec(), b"ord_1", headers, b"")


@pytest.mark.parametrize(
    ("value", "place"), [
        (b"7", 7), (b"-7", parked.LAST), (b"seven", parked.LAST), (b"", parked.LAST), (b"9" * 5_000, parked.LAST),
    ]
)
def test_only_a_number_is_a_place_among_the_parked(value: bytes, place: int) -> None:
    """Bytes that nobody of ours wrote stand behind all, like a record without a place."""
    assert parked.place([("ce_id", b"1"), (PLACE, value)]) == place
    assert parked.place([]) == parked.LAST


@pytest.mark.parametrize(("text", "kept"), [
    ("plain", "plain"), ("a\x00b", "a\ufffdb"), ("half \ud800", "half ?"), ("x" * 20, "x" * 12), ("", ""),
])
def test_whatever_a_record_says_a_row_can_hold_it(text: str, kept: str) -> None:
    """The detail of a fault quotes the record, and NUL or half a character in it failed the row that was to tell."""
    assert parked.storable(text, 12) == kept


def test_nothing_but_undecodable_comes_out_of_the_reading_of_a_record() -> None:
    """A reader of ours that stumbles over a body in its own way must not end the feed."""

    def stumble(message: object) -> object:
        raise RecursionError("too deep")

    codec = Codec(Entry(datetime, Timestamp, None, stumble))
    headers = [("ce_type", Timestamp.DESCRIPTOR.full_name.encode()), ("ce_id", b"1")]

    with pytest.raises(Undecodable, match="UNREADABLE"):
        read(codec, b"ord_1", headers, b"")
