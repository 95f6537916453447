"""Plans of every kind of settlement, as a shop makes them: of one book or both, of one tender or all."""

from typing import Any

from services.kernel.saga import Run
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.stage import money
from tests.services.bank_shop import FIRST, HELD, SECOND, BankShop

_OF_A_KIND = 4


def of_a_shop() -> list[tuple[str, Any]]:  # Any: plans of many types
    """By kind; no two are alike in who takes part and how much moves."""
    shop = BankShop()
    shop.buys("ord_gift", 2, GIFTCARD=777)
    shop.done(order.ConfirmShipmentRequest(order_id="ord_gift"))
    for order_id, amount in ((FIRST, 500), (SECOND, 99), ("ord_gift", 33), (FIRST, 1_001)):
        shop.ask(sale.RefundAmountRequest(order_id=order_id, amount=money(amount)))
    shop.pays_merchants()
    for order_id in (FIRST, "ord_gift"):
        shop.ask(sale.RefundAmountRequest(order_id=order_id, amount=money(100)))
        shop.ask(sale.ReverseRefundRequest(order_id=order_id))
    one = [order_pb2.LineQuantity(line_id="L1", quantity=1)]
    shop.ask(order.ConfirmShipmentRequest(order_id=HELD, lines=one))
    shop.ask(order.CancelOrderRequest(order_id=HELD, lines=one, reason=order_pb2.CANCEL_REASON_NOT_WANTED))
    for placed in (
        shop.place("ord_1", GIFTCARD=50), shop.place("ord_2", CREDIT=50), shop.place("ord_3", CREDIT=20, GIFTCARD=30),
        shop.place("ord_4", CREDIT=9_000_000, BANKCARD=70),
    ):
        shop.ask(placed)
        shop.ask(order.CancelOrderRequest(order_id=placed.order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED))
    return _chosen(shop)


def _chosen(shop: BankShop) -> list[tuple[str, Any]]:  # Any: as above
    found: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
    for run in sorted(_runs(shop), key=lambda run: run.id):
        if run.branches:
            shape = (run.kind, tuple(branch.service for branch in run.branches))
            found.setdefault(shape, []).append(run.plan)
    return [(kind, plan) for (kind, _), plans in sorted(found.items()) for plan in plans[:_OF_A_KIND]]


def _runs(shop: BankShop) -> list[Run]:
    return [row for row in shop.engine.worlds["order"].rows.values() if isinstance(row, Run)]
