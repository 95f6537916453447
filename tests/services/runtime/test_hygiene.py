"""What text may hold where it names people or papers; what any text may hold is in `test_rpc.py`."""

import pytest

from services.runtime.ground.hygiene import flaw
from settlement.credit_ledger.v1 import adjustment_service_pb2
from settlement.operations.v1 import operations_service_pb2 as pb


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
