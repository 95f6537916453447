"""SQL of the order service: what lanes load and save, and what callers read."""

from services.order.domain.merchant_settlement import MerchantSettlement
from services.order.domain.order import Order
from services.order.domain.refund_days import RefundDay
from services.order.domain.returns import ReturnCase
from services.order.store.cases import load_cases, save_cases
from services.order.store.merchant_settlements import load_merchant_settlements, save_merchant_settlements
from services.order.store.orders import load_orders, save_orders
from services.order.store.refund_days import load_refund_days, save_refund_days
from services.runtime.ground.tables import Table

TABLES = (
    Table(Order, load_orders, save_orders, root=True, tells=True),
    Table(MerchantSettlement, load_merchant_settlements, save_merchant_settlements, root=True),
    Table(RefundDay, load_refund_days, save_refund_days, root=True),
    Table(ReturnCase, load_cases, save_cases),
)
"""What the lanes of this service handle; the runs of its sagas come from the runtime."""
