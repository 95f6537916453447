"""What goes over the wire and needs no server to see: statuses, and records whose text or bytes are not acceptable."""

import pytest
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2

from services.kernel.errors import ResourceExhausted, Undecodable
from services.runtime.ground.codec import Codec, Entry
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


@pytest.mark.parametrize(
    ("value", "place"), [(b"7", 7), (b"-7", parked.LAST), (b"seven", parked.LAST), (b"", parked.LAST)]
)
def test_only_a_number_is_a_place_among_the_parked(value: bytes, place: int) -> None:
    """Bytes that nobody of ours wrote stand behind all, like a record without a place."""
    assert parked.place([("ce_id", b"1"), (parked.PLACE, value)]) == place
    assert parked.place([]) == parked.LAST
