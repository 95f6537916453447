"""A binding quote: signed, pinned, and only for what it is for (U1)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound
from services.order.domain import quotes, quoting
from services.order.domain.answers import Received, Started
from services.order.domain.commands import CancelOrder, ConfirmReceipt, ConfirmShipment, RefundAmount, RequestReturn
from services.order.domain.fulfilment import cancellation_plan
from services.order.domain.lines import LineQuantity
from services.order.domain.participation import CREDIT_LEDGER, ReleaseTenders
from services.order.wire.quotes import quote_message, result_digest
from settlement.credit_ledger.v1 import effects_pb2
from tests.in_memory import NOW
from tests.services.order.world import ORDER_ID, TWO, World, placed, sent_back, shipped, units

KEY = bytes(32)
CONTENT = quotes.QuoteContent(
    order_id=ORDER_ID, kind="cancellation", amount_minor=100_000, lines=units(L1=1), order_version=2, account_version=7,
    valid_until=quotes.valid_until(NOW), digest="digest",
)


def quoted(world: World) -> quotes.QuoteContent:
    """The content of a quote for cancelling the whole order, as the edge makes it."""
    plan = cancellation_plan(world.order, CancelOrder(ORDER_ID, "OTHER"), world.now)
    preview = effects_pb2.CreditPreview(account_version=7)
    preview.valid_until.FromDatetime(world.now + timedelta(minutes=3))
    message = quote_message(world.order, plan, preview, KEY, world.now)
    content = quotes.read(message.token, KEY)
    assert content is not None
    return content


def partly_shipped() -> World:
    """A world whose order has shipped one of its two lines."""
    world = placed(TWO)
    world.ask(ConfirmShipment(ORDER_ID, units(L1=2)))
    world.settle()
    return world


def test_an_accepted_quote_pins_the_account_in_the_command() -> None:
    """What the ledger compares is what the quote was computed from."""
    world = placed()

    begun = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=quoted(world)))

    assert isinstance(begun.result, Started)
    body = world.sent[0].body
    assert isinstance(body, ReleaseTenders)
    assert (body.pins.account_version, body.pins.valid_until) == (7, world.now + timedelta(minutes=3))


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (quoting.OfAmount(700), RefundAmount(ORDER_ID, 700)),
        (quoting.OfCancel(), CancelOrder(ORDER_ID, "OTHER")),
        (quoting.OfCancel(units(L2=1)), CancelOrder(ORDER_ID, "OTHER", lines=units(L2=1))),
    ],
)
def test_a_quote_is_of_the_plan_that_its_command_has(subject: quoting.Subject, body: object) -> None:
    """Of an order of which a part has shipped."""
    world = partly_shipped()
    plan = quoting.quoted_plan(world.order, None, subject, world.now)

    begun = world.ask(body)

    assert isinstance(begun.result, Started)
    assert (begun.result.run.plan.money, begun.result.run.plan.lines) == (plan.money, plan.lines)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (quoting.OfAmount(60_001), RefundAmount(ORDER_ID, 60_001)),
        (quoting.OfCancel(units(L1=1)), CancelOrder(ORDER_ID, "OTHER", lines=units(L1=1))),
        (quoting.OfReturn(units(L2=1)), RequestReturn(ORDER_ID, units(L2=1))),
    ],
)
def test_a_quote_is_refused_as_its_command_is(subject: quoting.Subject, body: object) -> None:
    """Nothing is promised that would not be done."""
    world = partly_shipped()

    with pytest.raises(FailedPrecondition) as refused:
        quoting.quoted_plan(world.order, None, subject, world.now)

    assert refused.value.reason == world.ask(body).reason


@pytest.mark.parametrize(("asked", "amount_minor"), [({}, 100_000), ({"L1": 1}, 30_000)])
def test_a_quote_of_a_return_is_the_refund_of_its_receipt(asked: dict[str, int], amount_minor: int) -> None:
    """No named units are all that can be returned; a case is quoted as what it is about, and no case is not found."""
    world = shipped(TWO)
    of_return = quoting.quoted_plan(world.order, None, quoting.OfReturn(units(**asked)), world.now)
    case = sent_back(world, **(asked or {"L1": 2, "L2": 1}))
    of_receipt = quoting.quoted_plan(world.order, case, quoting.OfReceipt(case.id), world.now)

    begun = world.ask(ConfirmReceipt(ORDER_ID, case.id))

    assert isinstance(begun.result, Received)
    assert begun.result.run.plan.money == of_receipt.money == of_return.money
    assert begun.result.run.plan.lines == of_receipt.lines == of_return.lines
    assert of_return.money.amount_minor == amount_minor
    with pytest.raises(NotFound, match="RETURN_NOT_FOUND"):
        quoting.quoted_plan(world.order, None, quoting.OfReceipt("ret_x"), world.now)


def test_a_quote_is_stale_once_the_order_has_moved() -> None:
    """And it is refused before anything is sent."""
    world = placed()
    quote = quoted(world)
    world.ask(ConfirmShipment(ORDER_ID))
    world.settle(CREDIT_LEDGER, "ACCOUNT_NOT_ACTIVE")

    refused = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=quote))

    refused.then_refused("QUOTE_STALE")
    assert world.sent == []


def test_a_quote_serves_for_nothing_else() -> None:
    """Another kind, another order, other units."""
    world = placed()
    quote = quoted(world)
    for wrong in (
        replace(quote, order_id="ord_2"), replace(quote, kind="refund"), replace(quote, amount_minor=5),
        replace(quote, lines=(LineQuantity("L2", 1),)),
    ):
        world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", quote=wrong)).then_refused("QUOTE_INVALID")
    world.ask(RefundAmount(ORDER_ID, 1, quote=quote)).then_refused("ORDER_NOT_SHIPPED")


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
