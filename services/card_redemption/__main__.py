"""The card service: `python -m services.card_redemption`. Builds the service from its parts and runs it."""

from functools import partial
from pathlib import Path

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.decisions.channels import Shipped, adopting, standing
from services.card_redemption.rpc.calendar_service import CalendarServicer
from services.card_redemption.rpc.card_service import CardServicer
from services.card_redemption.rpc.channel_service import ChannelServicer
from services.card_redemption.store import TABLES
from services.card_redemption.wire import CODEC
from services.card_redemption.wire.calendars import shipped_calendars
from services.card_redemption.wire.policies import shipped_policies
from services.runtime.process import Service, run

SHIPPED = Shipped(shipped_policies(), shipped_calendars())
SERVICE = Service(
    name="card_redemption", inbound="commands", tables=TABLES, rules=RULES, timers={**TIMERS, **adopting(SHIPPED)},
    codec=CODEC, servicers=(CardServicer, ChannelServicer, CalendarServicer), standing=partial(standing, SHIPPED),
    migrations=Path(__file__).parent / "migrations",
)

if __name__ == "__main__":
    run(SERVICE)
