"""What text may hold where it names people or papers; what any text may hold is in `test_rpc.py`."""

from datetime import UTC, datetime

import pytest

from services.runtime.ground.hygiene import _plan, flaw
from services.runtime.ground.scalars import instant_field, money_field
from settlement.common.v1 import money_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2

NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["al\u0456ce", "op\u3164", "\u0430nn", "op\u2010"], ids=ascii)
def test_fields_of_people_and_papers_hold_only_what_an_eye_can_tell_apart(text: str) -> None:
    """MA-3 and F7: such letters are ordinary text elsewhere, and in a name a way to be two people."""
    request = adjustment_service_pb2.AdjustRefundRequest

    assert flaw(request(reason=text)) == ""
    assert flaw(request(maker=text)) == "maker"
    assert flaw(request(maker="ann", checker=text)) == "checker"
    assert flaw(request(evidence=["order page", text])) == "evidence"
    assert flaw(pb.RetrySagaRequest(operator_id=text)) == "operator_id"
    assert flaw(request(maker="王芳", checker="ａｎｎ", evidence=["《订单》第1页", "https://a.example/b?c=1"])) == ""


@pytest.mark.parametrize("blank", [" ", "\u3000", "\u00a0 \u200a", "\u2800", "\u3164", "\ufe0f", "\u2028"], ids=ascii)
def test_text_that_has_to_be_given_shows_something(blank: str) -> None:
    """An adjustment for a reason of one blank was posted, and a parcel sent back under a number of none."""
    posted = adjustment_service_pb2.PostAdjustmentRequest

    assert flaw(posted(reason=blank)) == "reason"
    assert flaw(posted(case_id=blank)) == "case_id"
    assert flaw(pb.DiscardParkedRequest(reason=blank)) == "reason"
    assert flaw(order_service_pb2.ForceCancelOrderRequest(note=blank)) == "note"
    assert flaw(after_sale_service_pb2.RegisterWaybillRequest(waybill_number=blank)) == "waybill_number"
    assert flaw(posted(reason=f"found{blank}it" if blank.isspace() else "?")) == ""
    assert flaw(posted()) == ""
    assert flaw(pb.RetrySagaRequest(reason=" ")) == ""


def test_text_is_looked_for_wherever_there_can_be_some_and_nowhere_else() -> None:
    """A message in a message, several of them, and the other one of two in which there is none."""
    order = order_pb2.Order(
        create_time=instant_field(NOW), payable=money_pb2.Money(currency_code="C\x00"),
        lines=[order_pb2.OrderLine(sku="a"), order_pb2.OrderLine(unit_price=money_field(1))],
    )

    assert "create_time" not in {name for name, _, _ in _plan(order_pb2.Order.DESCRIPTOR)}  # tests may look inside
    assert flaw(order) == "payable.currency_code"
    order.payable.currency_code = "CNY"
    assert flaw(order) == ""
    order.lines[1].unit_price.currency_code = "\u202e"
    assert flaw(order) == "lines.unit_price.currency_code"
