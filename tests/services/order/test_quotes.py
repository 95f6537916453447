"""A binding quote: signed, pinned, and only for what it is for (U1)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.decision import Done
from services.kernel.errors import InvalidArgument
from services.order.domain import quotes
from services.order.domain.answers import Started
from services.order.domain.commands import CancelOrder, ConfirmShipment, RefundAmount
from services.order.domain.fulfilment import cancellation_plan
from services.order.domain.lines import LineQuantity
from services.order.domain.participation import CREDIT_LEDGER, ReleaseTenders
from services.order.wire.quotes import quote_message, result_digest
from settlement.credit_ledger.v1 import effects_pb2
from tests.services.order.world import NOW, ORDER_ID, World, placed, reason_of, units

KEY = bytes(32)
CONTENT = quotes.QuoteContent(ORDER_ID, "cancellation", 100_000, units(L1=1), 2, 7, quotes.valid_until(NOW), "digest")


def quoted(world: World) -> quotes.QuoteContent:
    """The content of a quote for cancelling the whole order, as the edge makes it."""
    plan = cancellation_plan(world.order, CancelOrder(ORDER_ID, "OTHER"), world.now)
    preview = effects_pb2.CreditPreview(account_version=7)
    preview.valid_until.FromDatetime(world.now + timedelta(minutes=3))
    message = quote_message(world.order, plan, preview, KEY, world.now)
    content = quotes.read(message.token, KEY)
    assert content is not None
    return content


def test_an_accepted_quote_pins_the_account_in_the_command() -> None:
    """What the ledger compares is what the quote was computed from."""
    world = placed()

    begun = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=quoted(world)))

    assert isinstance(begun, Done)
    assert isinstance(begun.result, Started)
    body = world.sent[0].body
    assert isinstance(body, ReleaseTenders)
    assert (body.pins.account_version, body.pins.valid_until) == (7, world.now + timedelta(minutes=3))


def test_a_quote_is_stale_once_the_order_has_moved() -> None:
    """And it is refused before anything is sent."""
    world = placed()
    quote = quoted(world)
    world.ask(ConfirmShipment(ORDER_ID))
    world.settle(CREDIT_LEDGER, "ACCOUNT_NOT_ACTIVE")

    refused = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=quote))

    assert reason_of(refused) == "QUOTE_STALE"
    assert world.sent == []


def test_a_quote_serves_for_nothing_else() -> None:
    """Another kind, another order, other units."""
    world = placed()
    quote = quoted(world)
    for wrong in (
        replace(quote, order_id="ord_2"), replace(quote, kind="refund"), replace(quote, amount_minor=5),
        replace(quote, lines=(LineQuantity("L2", 1),)),
    ):
        assert reason_of(world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=wrong))) == "QUOTE_INVALID"
    assert reason_of(world.ask(RefundAmount(ORDER_ID, 1, quote=quote))) == "ORDER_NOT_SHIPPED"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_with_any_byte_changed_is_not_ours(at: int, by: int) -> None:
    """The signature covers all of it."""
    token = bytearray(quotes.sign(CONTENT, KEY))
    token[at % len(token)] ^= by

    with pytest.raises(InvalidArgument, match="QUOTE_INVALID"):
        quotes.read(bytes(token), KEY)


@given(st.binary(max_size=200).filter(bool))
def test_garbage_is_no_quote(token: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidArgument, match="QUOTE_INVALID"):
        quotes.read(token, KEY)


def test_a_token_says_what_was_signed() -> None:
    """There and back; under another key it is nothing."""
    token = quotes.sign(CONTENT, KEY)

    assert quotes.read(token, KEY) == CONTENT
    assert quotes.read(b"", KEY) is None
    with pytest.raises(InvalidArgument):
        quotes.read(token, bytes(31) + b"\1")


def test_the_digest_names_the_result_not_its_circumstances() -> None:
    """Instant, version and names of an execution do not count; one fen does."""
    plan = cancellation_plan(placed().order, CancelOrder(ORDER_ID, "OTHER"), NOW)
    preview = effects_pb2.CreditEffect(credit_minor=100_000, available_minor=1)
    done = effects_pb2.CreditEffect(credit_minor=100_000, available_minor=1, account_version=9, refund_id="rfd_1")
    done.post_time.FromDatetime(NOW)
    other = effects_pb2.CreditEffect(credit_minor=100_000, available_minor=2)

    said = result_digest(plan.money, plan.lines, preview)

    assert result_digest(plan.money, plan.lines, done) == said
    assert result_digest(plan.money, plan.lines, other) != said
