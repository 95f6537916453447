"""Channels, working days and agreements that two people put in force, with what waits for a second person."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.enterprise.agreement import AgreementTerms
from services.card_redemption.domain.enterprise.commands import (
    ApproveAgreement,
    DrawAgreement,
    ProposeAgreement,
    RevokeBatch,
)
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

AGREED = AgreementTerms(
    signed_on=date(2026, 1, 2), document="agreement-7", qualification="licence-9", qualified_until=date(2030, 1, 1),
    edit_cutoff=timedelta(hours=2), annual_purchase_minor=50_000_001, alert_above_minor=70_000,
)
DRAWN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
YEAR_BEFORE = datetime(2025, 12, 31, 15, 59, tzinfo=UTC)


async def put_in_force(house: House) -> None:
    """Two versions of a channel, one of a calendar and of an agreement; of all three, another waits."""
    for number, rate in enumerate((940_000, 930_000), 1):
        await house.ask(CARD, "TRIAL", ProposeChannelPolicy(replace(TRIAL, rate_ppm=rate), "ann"))
        await house.ask(CARD, "TRIAL", ApproveChannelPolicy("TRIAL", number, "bob"))
    await house.ask(CARD, "TRIAL", ProposeChannelPolicy(replace(TRIAL, rate_ppm=920_000), "carl"))
    await house.ask(CARD, year_key(2026), ProposeCalendar(2026, LABOUR, "ann"))
    await house.ask(CARD, year_key(2026), ApproveCalendar(2026, 1, "bob"))
    await house.ask(CARD, year_key(2026), ProposeCalendar(2026, NATIONAL, "carl"))
    await agreed(house, "agr_1")


async def agreed(house: House, agreement: str) -> None:
    """An agreement under which things are redeemed above its threshold in two years, of the first of which more is told
    after it is over; with a batch."""
    await house.ask(CARD, agreement, ProposeAgreement(agreement, "cus_1", AGREED, "ann"))
    await house.ask(CARD, agreement, ApproveAgreement(agreement, 1, "bob"))
    await house.ask(CARD, agreement, DrawAgreement(agreement, "rdm_0", AGREED.alert_above_minor, YEAR_BEFORE))
    await house.ask(CARD, agreement, DrawAgreement(agreement, "rdm_1", AGREED.alert_above_minor + 1, DRAWN))
    await house.ask(CARD, agreement, DrawAgreement(agreement, "rdm_0", 1, YEAR_BEFORE))
    await house.ask(CARD, agreement, RevokeBatch(agreement, "cus_1", (("rdm_1", ""), ("rdm_2", ""))))
    later = replace(AGREED, until=LABOUR.worked[0])
    await house.ask(CARD, agreement, ProposeAgreement(agreement, "cus_1", later, "carl"))
