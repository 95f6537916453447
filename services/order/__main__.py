"""The order service: `python -m services.order`. Builds the service from its parts and runs it."""

from pathlib import Path

from services.access import ACCESS
from services.order.decisions import RULES, TIMERS
from services.order.decisions.beginning import REFUNDS
from services.order.domain.refund_days import LIMITS
from services.order.rpc.after_sale import AfterSaleServicer
from services.order.rpc.merchants import MerchantServicer
from services.order.rpc.orders import OrderServicer
from services.order.rpc.streams import OrderStreamServicer
from services.order.sagas import DEFINITIONS
from services.order.store import TABLES
from services.order.store.owners import OWNERS
from services.order.store.reads import shown
from services.order.wire import CODEC
from services.runtime.main import run
from services.runtime.service import Service

SERVICE = Service(
    name="order", inbound="replies", tables=TABLES, rules=RULES, timers=TIMERS, codec=CODEC,
    servicers=(OrderServicer, AfterSaleServicer, MerchantServicer, OrderStreamServicer),
    migrations=Path(__file__).parent / "migrations",
    definitions=DEFINITIONS, shown=shown, access=ACCESS, owners=OWNERS, switches=(REFUNDS,), limits=LIMITS,
)

if __name__ == "__main__":
    run(SERVICE)
