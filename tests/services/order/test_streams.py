"""What a caller of many hears of each command."""

from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from services.order.rpc.streams import told
from services.runtime.rpc.exchange import Outcome
from settlement.order.v1 import after_sale_service_pb2, order_service_pb2
from settlement.order.v1 import stream_service_pb2 as pb

METHODS = {
    method.input_type.full_name: method
    for module, service in ((order_service_pb2, "OrderService"), (after_sale_service_pb2, "AfterSaleService"))
    for method in module.DESCRIPTOR.services_by_name[service].methods
}
COMMANDS = pb.ExchangeRequest.DESCRIPTOR.oneofs_by_name["command"].fields


@pytest.mark.parametrize("command", [field.name for field in COMMANDS])
def test_every_command_has_its_method_and_tells_its_order(command: str) -> None:
    """And its return case and its settlement, where its answer has them."""
    field: Any = pb.ExchangeRequest.DESCRIPTOR.fields_by_name[command]
    method: Any = METHODS[field.message_type.full_name]
    response: Any = GetMessageClass(method.output_type)()
    fields = response.DESCRIPTOR.fields_by_name
    if "order" in fields:
        response.order.order_id = "ord_1"
    if "return_case" in fields:
        response.return_case.order_id, response.return_case.return_id = "ord_1", "ret_1"
    if "settlement" in fields:
        response.settlement.order_id, response.settlement.settlement_id = "ord_1", "saga_1"

    answer = told(Outcome("id", response))

    assert (answer.request_id, answer.decided.order_id) == ("id", "ord_1")
    assert answer.decided.return_id == ("ret_1" if "return_case" in fields else "")
    assert answer.decided.settlement_id == ("saga_1" if "settlement" in fields else "")


def test_a_refusal_is_passed_on_whole() -> None:
    """Its details included."""
    assert told(Outcome("id", refusal=Status(code=9, message="no"))).refusal == Status(code=9, message="no")
