"""The closed years of agreements beside processes of the release before, and what the auditor makes of them (1.9)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import NamedTuple

import pytest

from services.card_redemption.decisions import RULES
from services.card_redemption.domain.enterprise import drawing
from services.card_redemption.domain.enterprise.agreement import Agreement
from services.card_redemption.domain.enterprise.commands import ApproveAgreement, DrawAgreement, ProposeAgreement
from services.kernel.calendar import TICK, business_date, start_of
from services.kernel.decision import Decision, Known, rule
from services.kernel.messages import Message
from settle.audit import auditor
from settle.audit.findings import CARD
from tests.services.card_redemption.conftest import MIGRATIONS
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import BUSINESS, House, house
from tests.settle.audit.two_people import AGREED

NEW_YEAR = start_of(date(2026, 1, 1))
ABOVE = 10_000
TERMS = replace(AGREED, alert_above_minor=ABOVE)


class Draw(NamedTuple):
    """A redemption: when it was accepted, and its face."""

    at: datetime
    face_minor: int


DRAWS = (
    Draw(NEW_YEAR - TICK, 6_000), Draw(NEW_YEAR, 3_000), Draw(NEW_YEAR - TICK, 4_001), Draw(NEW_YEAR, 7_000),
    Draw(NEW_YEAR - TICK, -2_000), Draw(NEW_YEAR - TICK, 5_000),
)
"""Of the year that is over 6,000, 10,001, 8,001 and 13,001 once the third is told; of the next one 10,000."""


def _drawn_before(known: Known, body: DrawAgreement, message: Message, now: datetime) -> Decision:
    """As the release before decided it: it knows of no year but the present one."""
    agreement = known.find(Agreement, body.agreement_id)
    assert agreement is not None
    if business_date(body.accepted_at).year < agreement.year:
        return drawing.uncounted(agreement, body)
    decision = drawing.drawn(agreement, body)
    return replace(decision, changes=tuple(row for row in decision.changes if isinstance(row, Agreement)))


BEFORE = replace(BUSINESS[CARD], rules={
    **RULES, DrawAgreement: rule(DrawAgreement, lambda body, message: ((Agreement, message.key),), _drawn_before),
})


async def agreed(world: House, agreement: str) -> None:
    """An agreement in force."""
    await world.ask(CARD, agreement, ProposeAgreement(agreement, "cus_1", TERMS, "ann"))
    await world.ask(CARD, agreement, ApproveAgreement(agreement, 1, "bob"))


async def draw(world: House, agreement: str, draws: Sequence[Draw], before: Sequence[bool]) -> None:
    """Tell an agreement of these, each by a process of this release or of the one before."""
    world.now += timedelta(seconds=1)
    for number, (each, older) in enumerate(zip(draws, before, strict=True)):
        body = DrawAgreement(agreement, f"rdm_{number}", each.face_minor, each.at)
        world.rules[CARD] = BEFORE if older else BUSINESS[CARD]
        await world.ask(CARD, agreement, body)


async def alerted(world: House, agreement: str) -> int:
    """How many alerts it told."""
    kind = "settlement.card_redemption.v1.RedeemedAmountAlert"
    told: int = await world.connections[CARD].fetchval(
        "select count(*) from events where aggregate_id = $1 and type = $2", agreement, kind
    )
    return told


async def years(world: House, agreement: str) -> list[tuple[int, int, int]]:
    """Its closed years, their sums and versions."""
    rows = await world.connections[CARD].fetch(
        "select year, redeemed_minor, version from agreement_years where agreement_id = $1 order by year", agreement
    )
    return [tuple(row) for row in rows]


@pytest.fixture(scope="module")
async def drawn(shared_dsn: str) -> AsyncIterator[House]:
    """An agreement for every way in which two releases can share its redemptions."""
    async with house(shared_dsn, "years", BEGIN) as world:
        for before in product((False, True), repeat=len(DRAWS)):
            agreement = f"agr_{''.join('o' if older else 'n' for older in before)}"
            await agreed(world, agreement)
            await draw(world, agreement, DRAWS, before)
        yield world


async def test_the_auditor_follows_both_releases(drawn: House) -> None:
    """Whichever of them decided which: a late one of before is counted nowhere, and no sum is lost."""
    report = await auditor.audit(drawn.dsns, wait_seconds=0, strict=True)

    assert not report.findings
    assert len(await drawn.connections[CARD].fetch("select from agreement_years")) == 2 ** len(DRAWS)


async def test_a_year_that_the_release_before_closed_goes_on(drawn: House) -> None:
    """The trigger has kept its sum; what this release is told of it later is counted, and alerted."""
    newer, closed_before = "agr_nnnnnn", "agr_oonnnn"

    assert await years(drawn, newer) == [(2025, 13_001, 4)]
    assert await years(drawn, closed_before) == [(2025, 13_001, 3)]
    assert await alerted(drawn, newer) == await alerted(drawn, closed_before) == 2
    assert await years(drawn, "agr_oooooo") == [(2025, 6_000, 0)]
    assert await alerted(drawn, "agr_oooooo") == 0


async def test_what_was_over_before_is_made_of_what_was_told(shared_dsn: str) -> None:
    """By the migration: the sum that a year had when another one began, as nothing was counted later."""
    old = (start_of(date(2024, 5, 1)), start_of(date(2023, 5, 1)))
    draws = (Draw(old[1], 300), Draw(old[1], 2**40), Draw(old[0], 1), *DRAWS)
    async with house(shared_dsn, "migrated", BEGIN) as world:
        for agreement, count in (("agr_1", len(draws)), ("agr_2", 2), ("agr_3", 0)):
            await agreed(world, agreement)
            await draw(world, agreement, draws[:count], [True] * count)
        expected = await years(world, "agr_1")
        await world.connections[CARD].execute("drop function keep_agreement_year cascade; drop table agreement_years")
        text = next(MIGRATIONS.glob("*_agreement_years.sql")).read_text()
        await world.connections[CARD].execute(text.partition("-- migrate:up")[2])

        assert expected == [(2023, 2**40 + 300, 0), (2024, 1, 0), (2025, 6_000, 0)]
        assert await years(world, "agr_1") == expected
        assert [await years(world, each) for each in ("agr_2", "agr_3")] == [[], []]
        await draw(world, "agr_1", [Draw(NEW_YEAR - TICK, ABOVE), Draw(old[0], ABOVE)], [False, False])
        assert await years(world, "agr_1") == [(2023, 2**40 + 300, 0), (2024, 10_001, 1), (2025, 16_000, 1)]
        assert not (await auditor.audit(world.dsns, wait_seconds=0, strict=True)).findings
