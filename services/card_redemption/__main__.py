"""The card service: `python -m services.card_redemption`. Builds the service from its parts and runs it."""

from functools import partial
from pathlib import Path

from services.access import ACCESS
from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.decisions.channels import Shipped, adopting, standing
from services.card_redemption.providers import perform
from services.card_redemption.providers.asking import Perform
from services.card_redemption.providers.codes import SealedCodes
from services.card_redemption.rpc.calendar_service import CalendarServicer
from services.card_redemption.rpc.card_service import CardServicer
from services.card_redemption.rpc.channel_service import ChannelServicer
from services.card_redemption.rpc.dispute_service import DisputeServicer
from services.card_redemption.rpc.enterprise_service import EnterpriseServicer
from services.card_redemption.rpc.record_service import RecordServicer
from services.card_redemption.rpc.redemption_service import RedemptionServicer
from services.card_redemption.rpc.refused import keep_refused
from services.card_redemption.sagas import DEFINITIONS
from services.card_redemption.store import TABLES
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.store.owners import OWNERS
from services.card_redemption.store.redemption_reads import shown
from services.card_redemption.store.sealing import seal
from services.card_redemption.vault import Vault
from services.card_redemption.wire import CODEC
from services.card_redemption.wire.calendars import shipped_calendars
from services.card_redemption.wire.policies import shipped_policies
from services.runtime.ground.postgres import Reading
from services.runtime.ground.settings import Settings
from services.runtime.lanes.business import Recording
from services.runtime.main import run
from services.runtime.service import Service

SHIPPED = Shipped(shipped_policies(), shipped_calendars())


def performing(settings: Settings, reading: Reading) -> Perform:
    """What a process does with the questions of redemptions."""
    return perform(settings, SealedCodes(Vault.of(settings), reading), reading)


SERVICE = Service(
    name="card_redemption", inbound="commands", tables=TABLES, rules=RULES, timers={**TIMERS, **adopting(SHIPPED)},
    codec=CODEC, servicers=(
        CardServicer, ChannelServicer, CalendarServicer, RecordServicer, RedemptionServicer, EnterpriseServicer,
        DisputeServicer,
    ),
    standing=partial(standing, SHIPPED), migrations=Path(__file__).parent / "migrations", definitions=DEFINITIONS,
    perform=performing, recording=Recording(keep_attempts, seal, keep_refused), shown=shown,
    access=ACCESS, owners=OWNERS,
)

if __name__ == "__main__":
    run(SERVICE)
