"""What a caller says to have seen, on its way through gRPC's metadata."""

import pytest

from services.kernel.errors import InvalidArgument
from services.kernel.messages import Seen
from services.runtime.rpc.edge import body_hash
from services.runtime.rpc.seen import as_metadata, seen_in
from settlement.order.v1 import order_service_pb2


def test_what_is_said_is_what_is_heard() -> None:
    """And whoever says nothing has seen nothing."""
    assert seen_in(as_metadata("ord_1", "7")) == Seen("ord_1", 7)
    assert seen_in([("other", "ord_1 7")]) is None
    assert seen_in(None) is None
    assert as_metadata("订单", "7") == as_metadata("a b", "7") == as_metadata("ord_1", "seven") == ()


@pytest.mark.parametrize("text", [
    "", "ord_1", "ord_1 x", "ord_1 7 8", "ord_1 -7", b"ord_1 7", "ord_1 07", "ord_1 " + "9" * 19,
])
def test_what_says_nothing_is_refused(text: str | bytes) -> None:
    """It is not passed over: its sender relies on it."""
    with pytest.raises(InvalidArgument):
        seen_in([("seen", text)])


def test_nobody_has_seen_two_versions() -> None:
    """Not even twice the same: one before us may go by the other."""
    with pytest.raises(InvalidArgument):
        seen_in([("seen", "ord_1 7"), ("other", "x"), ("seen", "ord_1 8")])


def test_what_was_seen_is_part_of_the_request() -> None:
    """Under one id, a call that saw something else is another call; without it all is as it was."""
    request = order_service_pb2.CancelOrderRequest(request_id="r", order_id="ord_1")

    hashes = {body_hash(request), body_hash(request, Seen("ord_1", 7)), body_hash(request, Seen("ord_1", 8))}

    assert len(hashes) == 3
    assert body_hash(request).hex() == "f2e33c762b584b76f0d18ad5d22ad6f0"
