"""A call through the gateway: what goes on to the service, how answers and refusals look over HTTP."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx2
import pytest

from services.kernel.errors import BY_STATUS, ResourceExhausted, Unavailable
from services.runtime.rpc.errors import MessageTooLarge
from settle.local import ports
from settlement.order.v1 import order_service_pb2
from tests.gateway.conftest import Played, before

KEY = str(uuid4())
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def reason_of(answer: httpx2.Response) -> str:
    """The reason in a refusal."""
    [info] = [detail for detail in answer.json()["details"] if detail["@type"].endswith("ErrorInfo")]
    assert info["domain"] == "settlement"
    return str(info["reason"])


async def test_a_call_goes_on_as_it_came(played: Played) -> None:
    """With its key, its trace and its time; what is no trace is left out."""
    headers = {"Idempotency-Key": KEY, "traceparent": TRACE, "tracestate": "a=1", "Request-Timeout": "2.5"}

    answer = await played.http.post("/v1/orders/ord_1:cancel", json={}, headers=headers)

    assert (answer.status_code, answer.json()["settlement"]["orderId"]) == (200, "ord_1")
    assert played.orders.asked == [order_service_pb2.CancelOrderRequest(request_id=KEY, order_id="ord_1")]
    assert played.orders.metadata | {"traceparent": TRACE, "tracestate": "a=1"} == played.orders.metadata
    assert 1.5 < played.orders.seconds < 2.6  # gRPC rounds up
    for no_trace in ([("traceparent", "00-x")], [("traceparent", TRACE)] * 2):
        await played.http.get("/v1/orders/ord_1", headers=no_trace)
        assert "traceparent" not in played.orders.metadata


async def test_numbers_that_a_browser_cannot_hold_are_texts(played: Played) -> None:
    """And fields without a value are there."""
    order = (await played.http.get("/v1/orders/ord_1")).json()["order"]

    assert order["version"] == "7"
    assert order["lines"] == []


async def test_what_is_known_is_not_sent_again(played: Played) -> None:
    """The tag is the version; a tag that is asked for and passed is 412."""
    first = await played.http.get("/v1/orders/ord_1")
    same = await played.http.get("/v1/orders/ord_1", headers={"If-None-Match": 'W/"7"'})
    other = await played.http.get("/v1/orders/ord_1", headers={"If-None-Match": '"6", "8"'})
    passed = await played.http.get("/v1/orders/ord_1", headers={"If-Match": '"6"'})

    assert first.headers["ETag"] == '"7"'
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", '"7"')
    assert other.status_code == 200
    assert (passed.status_code, reason_of(passed)) == (412, "STALE_VERSION")


async def test_a_command_says_what_its_caller_has_seen(played: Played) -> None:
    """The service decides whether it is still so; where it is not, HTTP has a word of its own for that."""
    done = await played.http.post("/v1/orders/ord_1:cancel", json={}, headers={"If-Match": '"7"'})
    assert (done.status_code, played.orders.metadata["seen"]) == (200, "ord_1 7")

    played.orders.refuses = BY_STATUS["ABORTED"]("STALE_VERSION", "ord_1 is at version 8, not 7")
    stale = await played.http.post("/v1/orders/ord_1:cancel", json={}, headers={"If-Match": '"7"'})

    assert (stale.status_code, reason_of(stale)) == (412, "STALE_VERSION")


@pytest.mark.parametrize(("path", "tag"), [
    ("/v1/orders/ord_1:cancel", "*"), ("/v1/orders/ord_1:cancel", 'W/"7"'), ("/v1/orders/ord_1:cancel", '"7", "8"'),
    ("/v1/orders/ord_1:cancel", '"x"'), ("/v1/orders/ord_1:cancel", '"07"'), ("/v1/orders", '"7"'),
    ("/v1/orders/%20:cancel", '"7"'),
])
async def test_what_cannot_be_matched_is_refused(played: Played, path: str, tag: str) -> None:
    """A precondition that nobody could hold a command to is not passed over."""
    answer = await played.http.post(path, json={}, headers={"If-Match": tag})

    assert (answer.status_code, reason_of(answer)) == (400, "INVALID_ARGUMENT")
    assert played.orders.asked == []


@pytest.mark.parametrize(("status", "code"), [
    ("INVALID_ARGUMENT", 400), ("NOT_FOUND", 404), ("ALREADY_EXISTS", 409), ("FAILED_PRECONDITION", 400),
    ("PERMISSION_DENIED", 403), ("ABORTED", 409), ("RESOURCE_EXHAUSTED", 429), ("UNAVAILABLE", 503), ("INTERNAL", 500),
])
async def test_a_refusal_keeps_its_reason(played: Played, status: str, code: int) -> None:
    """Whatever its code."""
    played.orders.refuses = BY_STATUS[status]("QUOTE_STALE", "too late")

    answer = await played.http.get("/v1/orders/ord_1")

    assert (answer.status_code, reason_of(answer), answer.json()["message"]) == (code, "QUOTE_STALE", "too late")


async def test_back_pressure_says_when_to_come_again(played: Played) -> None:
    """In whole seconds, at least one. What is too long is not to be sent again."""
    played.orders.refuses = ResourceExhausted("OVERLOADED", "", {"retry_after_ms": "2100"})
    busy = await played.http.get("/v1/orders/ord_1")
    played.orders.refuses = MessageTooLarge("too long")
    long = await played.http.get("/v1/orders/ord_1")

    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "3")
    assert (long.status_code, "Retry-After" in long.headers) == (413, False)


async def test_a_stream_is_server_sent_events(played: Played) -> None:
    """One for each answer, then its end."""
    answer = await played.http.get("/v1/settlements/saga_1:watch")

    events = [event.splitlines() for event in answer.text.strip().split("\n\n")]
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [kind for kind, _ in events] == ["event: message"] * 3 + ["event: end"]
    steps = [json.loads(text.removeprefix("data: "))["settlement"] for _, text in events[:3]]
    assert [step["version"] for step in steps] == ["1", "2", "3"]


async def test_a_stream_that_is_refused_is_a_refusal(played: Played) -> None:
    """Not an event: there is no stream yet."""
    played.orders.refuses = Unavailable("UNAVAILABLE", "away")

    answer = await played.http.get("/v1/settlements/saga_1:watch")

    assert (answer.status_code, reason_of(answer), answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "1")


async def test_a_service_that_is_away(played: Played) -> None:
    """Is 503 with the time to come again, and the id under which that is safe."""
    [nobody] = ports.free_ports(1)
    async with before(nobody) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.get("/v1/orders/ord_1", headers={"Request-Timeout": "5"})

    assert (answer.status_code, reason_of(answer), answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "1")


@pytest.mark.parametrize(("verb", "path", "code", "reason"), [
    ("GET", "/v1/nothing", 404, "UNKNOWN_METHOD"), ("GET", "/", 307, ""),
    ("PUT", "/v1/orders", 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/v1/orders/%FF", 400, "INVALID_ARGUMENT"), ("GET", "/v1//orders", 404, "UNKNOWN_METHOD"),
    ("GET", "/assets/nothing.js", 404, "UNKNOWN_METHOD"),
    ("GET", "/v1/orders/a/b/c", 404, "UNKNOWN_METHOD"), ("OPTIONS", "/v1/orders", 405, "METHOD_NOT_ALLOWED"),
])
async def test_a_path_that_leads_nowhere(played: Played, verb: str, path: str, code: int, reason: str) -> None:
    """Says so; nobody is asked."""
    answer = await played.http.request(verb, path)

    assert answer.status_code == code
    assert not reason or reason_of(answer) == reason
    assert played.orders.asked == []


async def test_a_line_break_in_a_path_is_the_services_to_judge(played: Played) -> None:
    """A route for whatever comes did not take it: the answer was no Status."""
    answer = await played.http.get("/v1/orders/a%0Ab")

    assert answer.json()["order"]["orderId"] == "a\nb"


@pytest.mark.parametrize("seconds", ["0", "-1", "0.5", "soon", "1e9", "99999", "nan", "１"])
async def test_a_time_that_is_none_is_refused(played: Played, seconds: str) -> None:
    """Nobody is asked."""
    headers = [(b"Request-Timeout", seconds.encode())]

    answer = await played.http.get("/v1/orders/ord_1", headers=headers)

    assert (answer.status_code, reason_of(answer), played.orders.asked) == (400, "INVALID_ARGUMENT", [])


async def test_a_body_that_is_too_long(played: Played) -> None:
    """Whether its length is said or not; one of another kind is refused too."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    said = await played.http.post("/v1/orders", content=b" " * 300_000, headers={"Content-Type": "application/json"})
    unsaid = await played.http.post("/v1/orders", content=parts(), headers={"Content-Type": "application/json"})
    form = await played.http.post("/v1/orders", data={"a": "b"})

    assert [(answer.status_code, reason_of(answer)) for answer in (said, unsaid)] == [(413, "MESSAGE_TOO_LARGE")] * 2
    assert (form.status_code, reason_of(form)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_too_many_calls_are_told_to_come_again(played: Played) -> None:
    """At the bound, not above it."""
    async with before(1, rpc_concurrent_max=0) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.get("/v1/orders/ord_1")

    assert (answer.status_code, reason_of(answer), answer.headers["Retry-After"]) == (429, "OVERLOADED", "1")


async def test_the_document_and_the_page(played: Played) -> None:
    """All from here: a page that fetched from elsewhere would not work where it is used."""
    document = await played.http.get("/openapi.json")
    page = await played.http.get("/docs")
    program = ("/assets/swagger-ui.css", "/assets/swagger-ui-bundle.js", "/docs/start.js")
    parts = [await played.http.get(path) for path in program]

    assert document.json()["openapi"] == "3.1.0"
    assert [answer.status_code for answer in (page, *parts)] == [200] * 4
    assert "https://" not in page.text
