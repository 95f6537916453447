"""What the load generator asks for: one request for each stored order, already in bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from settle.client.tokens import NOBODY_IN_PARTICULAR
from settlement.card_redemption.v1 import redemption_service_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2, stream_service_pb2

CANCEL = "/settlement.order.v1.OrderService/CancelOrder"
BATCH_CANCEL = "/settlement.order.v1.OrderService/BatchCancelOrders"
CONFIRM_RECEIPT = "/settlement.order.v1.AfterSaleService/ConfirmReceipt"
TAKE_BACK = "/settlement.card_redemption.v1.RedemptionService/RequestCancel"
MEET_CONDITION = "/settlement.card_redemption.v1.RedemptionService/MeetEscrowCondition"


@dataclass(frozen=True, slots=True)
class Target:
    """An order to cancel, or one whose goods came back (`return_id` set); or a gift card, in the place of the order,
    whose redemption its customer takes back; without a customer, whose condition is met."""

    order_id: str
    return_id: str = ""
    redemption_id: str = ""
    customer_id: str = ""


def write_targets(path: Path, targets: Sequence[Target]) -> None:
    """One line each, for the load process."""
    lines = (f"{each.order_id} {each.return_id} {each.redemption_id} {each.customer_id}\n" for each in targets)
    path.write_text("".join(lines), encoding="ascii")


def read_targets(path: Path) -> list[Target]:
    """What `write_targets` wrote."""
    return [Target(*line.split(" ")) for line in path.read_text(encoding="ascii").splitlines()]


def request_of(target: Target, number: int) -> tuple[str, bytes]:
    """The method and the bytes of its request."""
    request_id = _request_id(0xBE7C, number)
    if target.redemption_id:
        return _redeemed(target, request_id)
    if target.return_id:
        return CONFIRM_RECEIPT, _receipt(target, request_id).SerializeToString()
    return CANCEL, _cancel(target, request_id).SerializeToString()


def _redeemed(target: Target, request_id: str) -> tuple[str, bytes]:
    if not target.customer_id:
        met = redemption_service_pb2.MeetEscrowConditionRequest(
            request_id=request_id, redemption_id=target.redemption_id, operator_id=NOBODY_IN_PARTICULAR
        )
        return MEET_CONDITION, met.SerializeToString()
    cancel = redemption_service_pb2.RequestCancelRequest(
        request_id=request_id, redemption_id=target.redemption_id, customer_id=target.customer_id
    )
    return TAKE_BACK, cancel.SerializeToString()


def exchange_of(target: Target, number: int) -> stream_service_pb2.ExchangeRequest:
    """The streamed twin."""
    request_id = _request_id(0x57EA, number)
    if target.return_id:
        return stream_service_pb2.ExchangeRequest(confirm_receipt=_receipt(target, request_id))
    return stream_service_pb2.ExchangeRequest(cancel_order=_cancel(target, request_id))


def batch_of(targets: Sequence[Target], number: int) -> tuple[str, bytes]:
    """The batch twin: one call that cancels all of these."""
    requests = [_cancel(target, _request_id(0xBA7C, n)) for n, target in enumerate(targets, start=number)]
    return BATCH_CANCEL, order_service_pb2.BatchCancelOrdersRequest(requests=requests).SerializeToString()


def _request_id(kind: int, number: int) -> str:
    """A UUID of version 4 that says which kind of request it is, and its number."""
    return str(UUID(int=(kind << 112) | (4 << 76) | (2 << 62) | number))


def _cancel(target: Target, request_id: str) -> order_service_pb2.CancelOrderRequest:
    return order_service_pb2.CancelOrderRequest(
        request_id=request_id, order_id=target.order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED,
        wait_timeout=Duration(),
    )


def _receipt(target: Target, request_id: str) -> after_sale_service_pb2.ConfirmReceiptRequest:
    return after_sale_service_pb2.ConfirmReceiptRequest(
        request_id=request_id, order_id=target.order_id, return_id=target.return_id
    )
