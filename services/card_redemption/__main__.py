"""The card service: `python -m services.card_redemption`. Builds the service from its parts and runs it."""

from pathlib import Path

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.rpc.card_service import CardServicer
from services.card_redemption.rpc.record_service import RecordServicer
from services.card_redemption.store import TABLES
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.store.sealing import seal
from services.card_redemption.wire import CODEC
from services.runtime.lanes.business import Recording
from services.runtime.process import Service, run

SERVICE = Service(
    name="card_redemption", inbound="commands", tables=TABLES, rules=RULES, timers=TIMERS, codec=CODEC,
    servicers=(CardServicer, RecordServicer), migrations=Path(__file__).parent / "migrations",
    recording=Recording(keep_attempts, seal),
)

if __name__ == "__main__":
    run(SERVICE)
