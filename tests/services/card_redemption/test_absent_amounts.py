"""An amount that is absent is not an amount of 0: the first leaves the choice, the second is one."""

import pytest

from services.card_redemption.rpc.dispute_requests import decide_dispute
from services.card_redemption.rpc.redemption_requests import edit_schedule
from settlement.card_redemption.v1 import dispute_pb2, dispute_service_pb2, redemption_service_pb2
from settlement.common.v1.money_pb2 import Money

AMOUNTS = [(None, None), (Money(currency_code="CNY"), 0), (Money(minor_units=1, currency_code="CNY"), 1)]


@pytest.mark.parametrize(("named", "read"), AMOUNTS)
def test_what_a_decision_grants(named: Money | None, read: int | None) -> None:
    """UPHELD with 0 would grant all that was claimed."""
    request = dispute_service_pb2.DecideDisputeRequest(granted=named, verdict=dispute_pb2.DISPUTE_VERDICT_UPHELD)

    assert decide_dispute(request).granted_minor == read


@pytest.mark.parametrize(("named", "read"), AMOUNTS)
def test_what_an_edit_declares(named: Money | None, read: int | None) -> None:
    """A face of 0 would leave the face."""
    assert edit_schedule(redemption_service_pb2.EditScheduleRequest(declared=named)).declared_minor == read
