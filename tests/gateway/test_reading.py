"""From a request over HTTP to the message: what is taken, and that everything else is refused with its reason."""

import json
from contextlib import suppress
from uuid import uuid4

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import methods
from gateway.reading import check_media_type, message_of
from gateway.refusals import HttpRefusal
from gateway.shapes import shape_of
from gateway.templates import Match, Paths
from settlement.common.v1 import money_pb2
from settlement.order.v1 import order_pb2, order_service_pb2

PATHS = Paths(methods())
KEY = str(uuid4())


def match(verb: str, path: str) -> Match:
    """Where a path leads."""
    found = PATHS.find(verb, path)
    assert found is not None
    return found


CANCEL = match("POST", "/v1/orders/ord_1:cancel")
LIST = match("GET", "/v1/orders")


def refusal(at: Match, query: str = "", body: bytes = b"", key: str | None = None) -> tuple[int, str]:
    """How a request is refused."""
    with pytest.raises(HttpRefusal) as caught:
        message_of(at, query, body, key)
    return caught.value.status, caught.value.error.reason


def test_path_body_and_key_make_one_message() -> None:
    """Names in either form, whole numbers as text or as numbers."""
    body = {"reason": "CANCEL_REASON_PRICE", "lines": [{"line_id": "L1", "quantity": "2"}], "waitTimeout": "2.5s"}

    made = message_of(CANCEL, "", json.dumps(body).encode(), KEY)

    wanted = order_service_pb2.CancelOrderRequest(
        request_id=KEY, order_id="ord_1", reason=order_pb2.CANCEL_REASON_PRICE,
        lines=[order_pb2.LineQuantity(line_id="L1", quantity=2)],
    )
    wanted.wait_timeout.FromMilliseconds(2_500)
    assert made == wanted


def test_a_query_is_a_message() -> None:
    """Numbers, and texts that are encoded."""
    made = message_of(LIST, "customerId=%E6%9D%8E&page_size=3", b"", None)

    assert made == order_service_pb2.ListOrdersRequest(customer_id="李", page_size=3)


def test_a_segment_of_the_path_is_decoded() -> None:
    """Even a slash in it is not one of the path's."""
    made = message_of(match("GET", "/v1/orders/ord_%2Fa%20b"), "", b"", None)

    assert made == order_service_pb2.GetOrderRequest(order_id="ord_/a b")


def test_the_body_may_repeat_what_the_path_and_the_key_say() -> None:
    """A request id in any case of letters."""
    body = json.dumps({"orderId": "ord_1", "request_id": KEY.upper()}).encode()

    assert message_of(CANCEL, "", body, KEY) == order_service_pb2.CancelOrderRequest(request_id=KEY, order_id="ord_1")


@pytest.mark.parametrize("body", [{"orderId": "ord_2"}, {"order_id": None}, {"requestId": str(uuid4())}])
def test_a_body_that_contradicts_is_refused(body: dict[str, object]) -> None:
    """Nobody guesses which of them was meant."""
    assert refusal(CANCEL, body=json.dumps(body).encode(), key=KEY) == (400, "CONTRADICTION")


@pytest.mark.parametrize("body", [
    b"{", b"[]", b"null", b'"a"', b"{'a': 1}", b'{"note": "a", "note": "b"}', b"\xff\xfe{}", b'{"note": NaN}',
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"lines": [{"quantity": ' + b"9" * 5_000 + b"}]}", b"{} {}",
    b'{"note": "\\ud800"}', b'{"reason": "\\ud800"}', b'{"\\uDFFF": 1}', b'{"lines": [{"\\ud83d": "\\ud83d\\ude00"}]}',
], ids=repr)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    """Whatever is wrong with it."""
    assert refusal(CANCEL, body=body) == (400, "MALFORMED_BODY")


@pytest.mark.parametrize("body", [
    {"unknown": 1}, {"reason": "NO_SUCH"}, {"note": 5}, {"lines": {}}, {"lines": [5]}, {"waitTimeout": "soon"},
    {"lines": [{"quantity": 1.5}]}, {"lines": [{"quantity": 2**63}]}, {"quote": 5},
    {"lines": [[[[[]]]]]}, {"note": "a", "Note": "b"}, {"reason": 1e300},
], ids=repr)
def test_a_body_of_another_shape_is_refused(body: dict[str, object]) -> None:
    """Unknown fields too: a misspelt one would be left out in silence."""
    assert refusal(CANCEL, body=json.dumps(body).encode()) == (400, "INVALID_ARGUMENT")


PLACE = match("POST", "/v1/orders")
MONEY = {"minorUnits": "1", "currencyCode": "CNY"}


@pytest.mark.parametrize(("at", "body"), [
    (CANCEL, {"note": "a", "lines": [{"line_id": "L1", "lineId": "L2"}]}),
    (CANCEL, {"wait_timeout": "1s", "waitTimeout": "9s"}),
    (CANCEL, {"lines": [[]]}), (CANCEL, {"lines": [""]}), (CANCEL, {"lines": [None]}),
    (CANCEL, {"reason": True}), (CANCEL, {"reason": "1"}), (CANCEL, {"reason": {}}),
    (CANCEL, {"quote": "!!!!"}), (CANCEL, {"quote": "=="}), (CANCEL, {"quote": "AAAA AAAA"}), (CANCEL, {"quote": "A"}),
    (CANCEL, {"lines": [{"quantity": "1_000"}]}), (CANCEL, {"lines": [{"quantity": "\u0663"}]}),
    (CANCEL, {"lines": [{"quantity": "1e2"}]}), (CANCEL, {"lines": [{"quantity": "+1"}]}),
    (CANCEL, {"lines": [{"quantity": 9007199254740994.0}]}),
    (CANCEL, {"waitTimeout": "1_0s"}), (CANCEL, {"waitTimeout": " 1s"}), (CANCEL, {"waitTimeout": "\u0661s"}),
    (PLACE, {"platformCoupon": []}), (PLACE, {"platformCoupon": ""}), (PLACE, {"creditTerms": []}),
    (PLACE, {"lines": [{"unitPrice": MONEY, "unit_price": MONEY}]}),
], ids=lambda given: given.method.descriptor.name if isinstance(given, Match) else repr(given))
def test_nothing_is_taken_for_something_else(at: Match, body: dict[str, object]) -> None:
    """What the library would take for another value, or for none: the last of two, or a quote that is nothing."""
    assert refusal(at, body=json.dumps(body).encode()) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("body", [
    {"quote": "AAECA-__"}, {"quote": "AAECA+//"}, {"quote": "AA=="}, {"quote": ""}, {"quote": None}, {"reason": 1},
    {"lines": [{"quantity": 2.0}]}, {"lines": [{"quantity": "-2"}]}, {"waitTimeout": "-0.5s"},
], ids=repr)
def test_each_kind_has_its_forms(body: dict[str, object]) -> None:
    """All that the standard knows: base64 of both kinds, null for nothing, whole numbers with a point."""
    assert message_of(CANCEL, "", json.dumps(body).encode(), None).IsInitialized()


def test_every_kind_of_field_has_a_shape() -> None:
    """None of a request is read by the library alone."""
    def check(descriptor: Descriptor | None) -> None:
        assert descriptor is not None
        for field in descriptor.fields:
            if shape_of(field) is None:
                inner = field.message_type
                assert inner is not None
                assert not inner.GetOptions().map_entry
                assert not inner.full_name.startswith("google."), field.full_name
                check(inner)

    for method in methods():
        check(method.descriptor.input_type)


def test_a_refusal_says_where_it_is() -> None:
    """In the names of the request, not in those of the library or of Python."""
    with pytest.raises(HttpRefusal, match=r"lines\[1\]\.line_id must be a text$"):
        message_of(CANCEL, "", json.dumps({"lines": [{"lineId": "L1"}, {"line_id": 5}]}).encode(), None)


def test_a_number_in_the_path_may_be_repeated() -> None:
    """As a number or as text, as the body has it."""
    at = match("POST", "/v1/calendars/2026:approve")
    for year in (2026, "2026"):
        message_of(at, "", json.dumps({"year": year, "proposal": 1}).encode(), None)

    assert refusal(at, body=b'{"year": 2027}') == (400, "CONTRADICTION")


@pytest.mark.parametrize("number", ["00000000001", "01", "9" * 11, "1_0"])
def test_the_number_of_a_value_is_read_whole(number: str) -> None:
    """No digit is left out, or the filter would be another one."""
    assert refusal(LIST, f"state={number}") == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("query", [
    "unknown=1", "pageSize=1&pageSize=2", "page_size=1&pageSize=2", "pageSize=many", "customerId.x=1", "a", "=",
    "%FF=1",
    "customerId=%FF", "&".join(["pageSize=1"] * 101), "pageSize=99999999999",
], ids=repr)
def test_a_query_of_another_shape_is_refused(query: str) -> None:
    """As strictly as a body."""
    assert refusal(LIST, query) == (400, "INVALID_ARGUMENT")


def test_fields_have_one_place() -> None:
    """In the body where there is one, else in the query."""
    assert refusal(CANCEL, query="note=a") == (400, "INVALID_ARGUMENT")
    assert refusal(LIST, body=b"{}") == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/jsonp", "application/json; charset=latin-1"])
def test_another_media_type_is_refused(kind: str | None) -> None:
    """A form of a browser must not be taken for JSON."""
    with pytest.raises(HttpRefusal) as caught:
        check_media_type(kind)

    assert (caught.value.status, caught.value.error.reason) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", 'application/json; charset="UTF-8"'])
def test_json_is_taken(kind: str) -> None:
    """However it is written."""
    check_media_type(kind)


@pytest.mark.parametrize("coding", ["gzip", "br, identity", ""])
def test_a_packed_body_is_refused(coding: str) -> None:
    """Nothing here unpacks one."""
    with pytest.raises(HttpRefusal) as refused:
        check_media_type("application/json", coding)

    assert (refused.value.status, refused.value.error.reason) == (415, "UNSUPPORTED_MEDIA_TYPE")


@given(st.binary(max_size=200), st.text(max_size=50), st.none() | st.text(max_size=50))
def test_whatever_comes_is_a_message_or_refused(body: bytes, query: str, key: str | None) -> None:
    """Nothing else is ever raised."""
    for at in (CANCEL, LIST):
        with suppress(HttpRefusal):
            assert message_of(at, query, body, key).IsInitialized()


def test_an_amount_survives_the_way() -> None:
    """Beyond what a number of JavaScript holds."""
    at = match("POST", "/v1/orders")
    body = json.dumps({"platformCoupon": {"minorUnits": str(2**53 + 1), "currencyCode": "CNY"}}).encode()

    made = message_of(at, "", body, None)

    assert isinstance(made, order_service_pb2.PlaceOrderRequest)
    assert made.platform_coupon == money_pb2.Money(minor_units=2**53 + 1, currency_code="CNY")
