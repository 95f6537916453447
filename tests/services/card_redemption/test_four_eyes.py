"""What two people put in force: terms of channels and working days, in memory."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from services.card_redemption.decisions import RULES
from services.card_redemption.decisions.channels import Shipped, adopting, standing
from services.card_redemption.domain.channels.channel import Channel, ChannelVersion
from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.channels.events import ChannelPolicyApproved, ChannelPolicyProposed
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.working_days.commands import ApproveCalendar, ProposeCalendar
from services.card_redemption.domain.working_days.events import CalendarApproved, CalendarProposed
from services.card_redemption.domain.working_days.year import Calendar, Exceptions
from tests.in_memory import NOW, InMemory

TRIAL = ChannelPolicy("TRIAL", Kind.SELF, 940_000, timedelta(seconds=600), name_zh="试行")
LABOUR = Exceptions((date(2026, 5, 1),), (date(2026, 5, 9),))
SHIPPED = Shipped({"TRIAL": TRIAL}, {"cal_2026": (2026, LABOUR)})


def world() -> InMemory:
    """The card service with nothing in it."""
    return InMemory(RULES, adopting(SHIPPED))


def test_terms_are_in_force_when_a_second_person_says_so() -> None:
    """The first version is 1, and both people stand in it."""
    service = world()

    proposed = service.when("TRIAL", ProposeChannelPolicy(TRIAL, "ann"))
    approved = service.when("TRIAL", ApproveChannelPolicy("TRIAL", 1, "bob"))

    proposed.then_told(ChannelPolicyProposed(TRIAL, 1, "ann"))
    terms = ChannelPolicy("TRIAL", Kind.SELF, 940_000, timedelta(seconds=600), name_zh="试行", version=1)
    approved.then_told(ChannelPolicyApproved(terms, "ann", "bob"))
    assert approved.result == service.row(ChannelVersion, "TRIAL@1") == ChannelVersion(terms, "ann", "bob", NOW)
    channel = service.row(Channel, "TRIAL")
    assert (channel.in_force, channel.proposal, channel.sequence, channel.version) == (1, None, 2, 2)


@pytest.mark.parametrize(("number", "approver", "reason"), [
    (1, "ann", "FOUR_EYES"), (1, " \uff21NN", "FOUR_EYES"), (1, " ", "FOUR_EYES"), (1, "Shipped", "FOUR_EYES"),
    (0, "bob", "PROPOSAL_STALE"), (2, "bob", "PROPOSAL_STALE"), (2, "ann", "PROPOSAL_STALE"),
])
@pytest.mark.parametrize(("key", "propose", "approve"), [
    ("TRIAL", ProposeChannelPolicy(TRIAL, "ann"), lambda n, who: ApproveChannelPolicy("TRIAL", n, who)),
    ("cal_2026", ProposeCalendar(2026, LABOUR, "ann"), lambda n, who: ApproveCalendar(2026, n, who)),
])
def test_nobody_approves_alone_nor_what_he_did_not_see(
    key: str, propose: object, approve: Callable[[int, str], Any], number: int, approver: str, reason: str
) -> None:
    """However the names are written; and nothing is changed by trying."""
    service = world()
    service.when(key, propose)

    service.when(key, approve(number, approver)).then_refused(reason)
    service.when(key, approve(1, "bob"))
    service.when(key, approve(1, "bob")).then_refused("PROPOSAL_STALE")


def test_a_later_proposal_takes_the_place_of_the_earlier_one() -> None:
    """Who read the first cannot approve the second by mistake."""
    service = world()
    dearer = ChannelPolicy("TRIAL", Kind.SELF, 930_000, name_zh="试行")
    for terms in (TRIAL, dearer):
        service.when("TRIAL", ProposeChannelPolicy(terms, "ann"))

    service.when("TRIAL", ApproveChannelPolicy("TRIAL", 1, "bob")).then_refused("PROPOSAL_STALE")
    service.when("TRIAL", ApproveChannelPolicy("TRIAL", 2, "bob"))

    assert service.row(ChannelVersion, "TRIAL@1").terms.rate_ppm == 930_000


@pytest.mark.parametrize("operator", ["", "  ", "shipped", "SHIPPED "])
@pytest.mark.parametrize(("key", "body"), [
    ("TRIAL", lambda who: ProposeChannelPolicy(TRIAL, who)),
    ("cal_2026", lambda who: ProposeCalendar(2026, LABOUR, who)),
])
def test_nobody_proposes_without_a_name(key: str, body: Callable[[str], Any], operator: str) -> None:
    """Nor under the name of the release."""
    world().when(key, body(operator)).then_refused("FOUR_EYES")


def test_what_was_never_proposed_cannot_be_approved() -> None:
    """There is no such channel, no such calendar."""
    world().when("TRIAL", ApproveChannelPolicy("TRIAL", 1, "bob")).then_refused("CHANNEL_NOT_FOUND")
    world().when("cal_2026", ApproveCalendar(2026, 1, "bob")).then_refused("CALENDAR_NOT_FOUND")


def test_bad_terms_are_refused_by_the_decision_too() -> None:
    """Whichever way they came (RD-10)."""
    unguarded = ChannelPolicy("TRIAL", Kind.SELF, 950_000, timedelta(seconds=1), name_zh="试行")

    world().when("TRIAL", ProposeChannelPolicy(unguarded, "ann")).then_refused("POLICY_UNGUARDED")


def test_working_days_are_in_force_when_a_second_person_says_so() -> None:
    """The calendar of before is told by its events."""
    service = world()

    service.when("cal_2026", ProposeCalendar(2026, LABOUR, "ann")).then_told(
        CalendarProposed(2026, *_days(LABOUR), 1, "ann")
    )
    service.when("cal_2026", ApproveCalendar(2026, 1, "bob")).then_told(
        CalendarApproved(2026, *_days(LABOUR), 1, "ann", "bob")
    )

    calendar = service.row(Calendar, "cal_2026")
    assert (calendar.number, calendar.exceptions, calendar.proposal, calendar.since) == (1, LABOUR, None, NOW)


def _days(exceptions: Exceptions) -> tuple[tuple[date, ...], tuple[date, ...]]:
    return exceptions.holidays, exceptions.worked


def test_what_the_release_came_with_is_adopted_once() -> None:
    """A start that finds it there changes nothing, nor does one that finds it changed by people."""
    service = world()
    for timer in standing(SHIPPED, service.now):
        service.timers[timer.kind, timer.key] = timer
    service.fire()
    service.when("TRIAL", ProposeChannelPolicy(TRIAL, "ann"))
    service.when("TRIAL", ApproveChannelPolicy("TRIAL", 1, "bob"))
    told = len(service.events)

    for timer in standing(SHIPPED, service.now):
        service.timers[timer.kind, timer.key] = timer
    service.fire()

    assert service.row(ChannelVersion, "TRIAL@1").approved_by == "shipped"
    assert service.row(Channel, "TRIAL").in_force == 2
    assert service.row(Calendar, "cal_2026").exceptions == LABOUR
    assert (len(service.events), service.timers) == (told, {})
