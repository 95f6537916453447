"""The credit ledger: `python -m services.credit_ledger`. Builds the service from its parts and runs it."""

from pathlib import Path

from services.access import ACCESS
from services.credit_ledger.decisions import RULES, TIMERS, standing
from services.credit_ledger.domain.legs.steps import SWITCHES
from services.credit_ledger.rails import perform
from services.credit_ledger.rpc.adjustment_service import AdjustmentServicer
from services.credit_ledger.rpc.credit_service import CreditServicer
from services.credit_ledger.rpc.payout_service import PayoutServicer
from services.credit_ledger.rpc.reconciliation_service import ReconciliationServicer
from services.credit_ledger.rpc.statement_service import StatementServicer
from services.credit_ledger.store import TABLES
from services.credit_ledger.store.open_payments import open_payments
from services.credit_ledger.store.owners import OWNERS
from services.credit_ledger.wire import CODEC
from services.runtime.main import run
from services.runtime.service import Service

SERVICE = Service(
    name="credit_ledger", inbound="commands", tables=TABLES, rules=RULES, timers=TIMERS, codec=CODEC,
    servicers=(CreditServicer, StatementServicer, AdjustmentServicer, ReconciliationServicer, PayoutServicer),
    migrations=Path(__file__).parent / "migrations",
    perform=perform, standing=standing, open_payments=open_payments, access=ACCESS, owners=OWNERS,
    switches=SWITCHES,
)

if __name__ == "__main__":
    run(SERVICE)
