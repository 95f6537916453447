"""Channels and working days that two people put in force, with what waits for a second person."""

from dataclasses import replace
from datetime import date, timedelta

from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.recycling.policy import CancelFee, ChannelPolicy, Demand, Kind, Limits
from services.card_redemption.domain.working_days.commands import ApproveCalendar, ProposeCalendar
from services.card_redemption.domain.working_days.year import Exceptions, year_key
from tests.settle.audit.house import House

CARD = "card_redemption"
TRIAL = ChannelPolicy(
    channel="TRIAL", kind=Kind.THIRD_PARTY, rate_ppm=940_000, window=timedelta(seconds=480), fee=CancelFee(500, 7),
    only_unverified=True, reviewed=True, commission_ppm=20_000, limits=Limits(2, 900_000, 50_000),
    demands=(Demand.IDENTITY,), sla_working_days=5, name_zh="试行",
)
LABOUR = Exceptions((date(2026, 5, 1), date(2026, 5, 4)), (date(2026, 5, 9),))
NATIONAL = Exceptions((*LABOUR.holidays, date(2026, 10, 1)), (*LABOUR.worked, date(2026, 10, 10)))


async def put_in_force(house: House) -> None:
    """Two versions of a channel and one of a calendar; of both, another waits."""
    for number, rate in enumerate((940_000, 930_000), 1):
        await house.ask(CARD, "TRIAL", ProposeChannelPolicy(replace(TRIAL, rate_ppm=rate), "ann"))
        await house.ask(CARD, "TRIAL", ApproveChannelPolicy("TRIAL", number, "bob"))
    await house.ask(CARD, "TRIAL", ProposeChannelPolicy(replace(TRIAL, rate_ppm=920_000), "carl"))
    await house.ask(CARD, year_key(2026), ProposeCalendar(2026, LABOUR, "ann"))
    await house.ask(CARD, year_key(2026), ApproveCalendar(2026, 1, "bob"))
    await house.ask(CARD, year_key(2026), ProposeCalendar(2026, NATIONAL, "carl"))
