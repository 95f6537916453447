"""Who tries codes through drafts gains no more than who activates cards, and every try is on record (RD-1, RD-31)."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.card_redemption.decisions import RULES
from services.card_redemption.domain.codes import WRONG_CODES_MAX
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.commands import ConfirmRedemption, PrepareRedemption
from services.card_redemption.domain.redemption.submitting import Denied
from services.card_redemption.domain.verification import Finding
from services.kernel.decision import Done
from services.kernel.errors import InvalidArgument, NotFound
from services.kernel.messages import Message
from services.kernel.secret import Secret
from settlement.card_redemption.v1 import calendar_service_pb2, channel_service_pb2
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import MAO, SELF, SU, Redeeming
from tests.services.card_redemption.test_channel_service import _calendars, _channels
from tests.services.card_redemption.test_codes import CODE, OTHERS, activate


@pytest.mark.parametrize("wrong", [WRONG_CODES_MAX - 1, WRONG_CODES_MAX, WRONG_CODES_MAX + 1])
def test_after_too_many_wrong_codes_no_draft_is_prepared_or_confirmed(wrong: int) -> None:
    """A draft that is older than the wrong codes does not help: it is refused with a good code as with a bad one."""
    reason = "TOO_MANY_CODES" if wrong >= WRONG_CODES_MAX else ""
    world = Redeeming()
    good, bad = world.draft(), world.draft(nonce="n2", blind_index="nobody's")

    prepared = world.when("cus_1", PrepareRedemption(good, None, wrong, b"k" * 32))
    guessed = world.when(bad.card_id, ConfirmRedemption(bad, wrong_before=wrong))
    confirmed = world.when(good.card_id, ConfirmRedemption(good, wrong_before=wrong))

    heard = guessed.reason or guessed.result.reason  # a code that is denied is answered so
    assert (prepared.reason, heard, confirmed.reason) == (reason, reason or "CODE_REJECTED", reason)


@pytest.mark.parametrize("terms", [SELF, SU], ids=lambda terms: terms.channel)
def test_codes_that_cannot_be_any_are_wrong_codes(terms: ChannelPolicy) -> None:
    """They were taken for another issuer's, and verified; the record counts the try as it counts those (RD-31)."""
    made = Redeeming()

    told = made.when("cus_1", PrepareRedemption(made.draft(terms), None, 0, b"k" * 32, looks_right=False))

    assert told.reason == "CODE_REJECTED"
    [tried] = [each for each in made.records if isinstance(each, Attempt)]
    assert (tried.actor, tried.outcome, tried.reason) == ("cus_1", AttemptOutcome.DENIED, "CODE_REJECTED")


def test_a_code_that_was_denied_is_recorded_as_denied() -> None:
    """Used, in use or unknown: to whoever counts wrong codes they are alike (RD-20)."""
    record = RULES[ConfirmRedemption].record
    assert record is not None
    draft = Redeeming().draft()

    told: Any = record(ConfirmRedemption(draft), Message("req", draft.card_id, None), Done(Denied("CODE_REJECTED", "")))

    assert (told.outcome, told.reason, told.actor) == (AttemptOutcome.DENIED, "CODE_REJECTED", "cus_1")


@pytest.mark.parametrize(("terms", "finding", "reason"), [
    (SU, Finding.INVALID, "CODE_REJECTED"), (MAO, Finding.CONSUMED, "CODE_CONSUMED"), (SELF, Finding.FOUND, ""),
])
def test_a_code_that_no_provider_knows_counts_as_a_wrong_one(terms: Any, finding: Finding, reason: str) -> None:
    """Cards of other issuers are guessed no better than ours; a card that was spent is no guess."""
    world = Redeeming()
    world.submitted(terms)

    world.verify(finding=finding)

    told = [each for each in world.records if isinstance(each, Attempt) and each.kind == "VERIFY_CODE"]
    assert [(each.reason, each.channel, each.actor) for each in told] == (
        [(reason, EntryChannel.ENGINE, "cus_1")] if reason else []
    )


async def test_drafts_of_one_caller_are_confirmed_a_few_at_a_time(cards: CardLedger) -> None:
    """As many as codes may be wrong; who waits for a place sees those that were wrong meanwhile."""
    presenting, told = cards.service.presenting, list[int]()

    async def confirm() -> None:
        async with presenting.draft("cus_1") as wrong:
            told.append(wrong)

    async with AsyncExitStack() as under_way:
        for _ in range(WRONG_CODES_MAX):
            await under_way.enter_async_context(presenting.draft("cus_1"))
        last = asyncio.create_task(confirm())
        await asyncio.sleep(0)
        async with presenting.draft("cus_2") as others:
            assert (others, told) == (0, [])
    await last
    assert told == [0]

    with pytest.raises(NotFound, match="CODE_REJECTED"):
        await activate(cards, OTHERS)
    async with presenting.draft("cus_1") as wrong:
        assert wrong == 1
    assert (await presenting.drafted("cus_1", Secret(CODE))).wrong_before == 1


def _policy(cards: CardLedger) -> Any:
    request = channel_service_pb2.ProposeChannelPolicyRequest(
        request_id=cards.request_id(), document=b"channels: {X: {}}", operator_id="ann"
    )
    return _channels(cards).ProposeChannelPolicy(request, cards.context)


def _calendar(cards: CardLedger) -> Any:
    request = calendar_service_pb2.ImportCalendarRequest(
        request_id=cards.request_id(), document=b"year: 2026\nholidays: [2027-01-01]\n", operator_id="ann"
    )
    return _calendars(cards).ImportCalendar(request, cards.context)


@pytest.mark.parametrize(("propose", "kind"), [(_policy, "PROPOSE_CHANNEL_POLICY"), (_calendar, "IMPORT_CALENDAR")])
async def test_a_document_that_is_refused_is_on_record(
    cards: CardLedger, propose: Callable[[CardLedger], Any], kind: str
) -> None:
    """With its proposer and the reason, also where it could not even be read (RD-31)."""
    with pytest.raises(InvalidArgument) as refused:
        await propose(cards)

    row = await cards.connection.fetchrow("select kind, actor, outcome, reason from attempts")
    assert row is not None
    assert tuple(row) == (kind, "ann", "DENIED", refused.value.reason)
