"""What is wrong with a request is told in words: every rule of every contract has its own."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from protovalidate import Validator

import settlement
from services.runtime.rpc.words import path_of, told, unclean
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustments
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.order.v1 import after_sale_service_pb2 as after_sale
from settlement.order.v1 import order_service_pb2 as orders

VALIDATOR = Validator()
ID = "0b9f6c1e-93f5-4c1b-8a55-0f4d1f6f2b10"
MACHINE_WORDS = re.compile(r"regex|in list|\[\d|\^|value is|character\(s\)|item\(s\)|equal to")


def told_of(request: Message) -> dict[str, str]:
    """What is wrong, by field."""
    return {path_of(v): told(v, request) for v in VALIDATOR.collect_violations(request)}


def made(kind: Any, **fields: Any) -> Message:  # Any: generated messages take dictionaries, their stubs do not say so
    """A request of this kind."""
    request: Message = kind(**fields)
    return request


@pytest.mark.parametrize(("request_", "field", "words"), [
    (made(after_sale.RefundAmountRequest), "request_id", "is required"),
    (made(after_sale.RefundAmountRequest), "order_id", "is required"),
    (made(after_sale.RefundAmountRequest), "amount", "is required"),
    (made(orders.CancelOrderRequest), "reason", "is required"),
    (made(after_sale.RequestReturnRequest), "lines", "is required"),
    (made(adjustments.PostAdjustmentRequest), "maker", "is required"),
    (made(adjustments.PostAdjustmentRequest, evidence=["a", ""]), "evidence[1]", "is required"),
    (made(orders.QuoteRefundRequest), "subject", "needs one of"),
    (made(after_sale.RefundAmountRequest, request_id="x"), "request_id", "must be a UUID"),
    (made(
        after_sale.RefundAmountRequest, order_id="x"
    ), "order_id", "must be ord_ and 1 to 60 letters, digits, - or _"),
    (made(
        orders.PlaceOrderRequest, customer_id="a b"
    ), "customer_id", "must be 1 to 64 letters, digits, or any of _ . : -"),
    (made(
        orders.PlaceOrderRequest, lines=[{"title": "x" * 201}]
    ), "lines[0].title", "is too long: at most 200 characters"),
    (made(orders.PlaceOrderRequest, lines=[{"quantity": -1}]), "lines[0].quantity", "must be from 1 to 1000000"),
    (made(orders.PlaceOrderRequest, wait_timeout={"seconds": 61}), "wait_timeout", "must be from 0 to 60 seconds"),
    (made(orders.PlaceOrderRequest, tenders=[{"type": 9}]), "tenders[0].type", "is none of the values that there are"),
    (made(orders.CancelOrderRequest, quote=b"x" * 65_537), "quote", "is too long: at most 65536 bytes"),
    (made(orders.BatchCancelOrdersRequest, requests=[{}] * 501), "requests", "holds too many: at most 500"),
    (made(credit.FundWalletRequest, amount={"currency_code": "USD"}), "amount.currency_code", "must be CNY"),
    (made(operations.RetryParkedRequest), "parked_id", "must be above 0"),
    (made(orders.GetOrderRequest, min_version=-1), "min_version", "must be at least 0"),
])
def test_a_rule_is_told_in_words(request_: Message, field: str, words: str) -> None:
    """ "reason is required" says what to do, "must not be in list [0]" does not (F14)."""
    assert told_of(request_)[field].startswith(words)


def requests() -> Iterator[type[Message]]:
    """The request of every method."""
    (root,) = settlement.__path__
    for path in sorted(Path(root).rglob("*_service_pb2.py")):
        name = ".".join(("settlement", *path.relative_to(root).with_suffix("").parts))
        module: Any = importlib.import_module(name)
        yield from (getattr(module, n) for n in module.DESCRIPTOR.message_types_by_name if n.endswith("Request"))


@pytest.mark.parametrize("kind", list(requests()), ids=lambda kind: str(kind.__name__))
def test_no_rule_speaks_of_its_machine(kind: type[Message]) -> None:
    """No regular expression, list or index reaches a person, whatever is left out, too long or out of range."""
    for request in (kind(), _filled(kind, "x" * 70_000, 2**31 - 1), _filled(kind, "\u4e00", -5)):
        for field, words in told_of(request).items():
            assert words
            assert not MACHINE_WORDS.search(words), f"{field} {words}"


def _filled(kind: type[Message], text: str, number: int) -> Message:
    """A request whose fields all hold this, and the messages in them too."""
    made = kind()
    _fill(made, text, number, depth=3)
    return made


def _fill(message: Any, text: str, number: int, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.type == field.TYPE_MESSAGE:
            if depth:
                inner = getattr(message, field.name)
                _fill(inner.add() if field.is_repeated else inner, text, number, depth - 1)
        elif field.type != field.TYPE_BOOL:
            value = {field.TYPE_STRING: text, field.TYPE_BYTES: text.encode()}.get(field.type, number)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


@pytest.mark.parametrize(("field", "words"), [
    ("maker", "may hold letters of Latin script"), ("deductions.evidence", "and the punctuation of both"),
    ("reason", "shows nothing"), ("lines.title", "characters that nobody can see"),
])
def test_what_is_wrong_with_a_text_is_told_by_what_its_field_may_hold(field: str, words: str) -> None:
    """A Cyrillic letter in a name can be seen; it was said to be one that nobody can see."""
    assert words in unclean(field)
