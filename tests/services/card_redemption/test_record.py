"""The permanent record: every attempt with what became of it, chained a moment later, and nothing takes it away."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.rpc.record_service import RecordServicer
from services.card_redemption.store import sealing
from services.card_redemption.store.attempts import keep_attempts
from services.card_redemption.store.sealing import seal
from services.kernel.chain import ATTEMPTS
from services.kernel.errors import Defect, SettlementError
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.writing import write
from settle.audit.links import Ends, Fault, Row, faults
from settlement.card_redemption.v1 import record_pb2
from settlement.card_redemption.v1 import record_service_pb2 as pb
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.test_codes import CODE, OTHERS, activate, issue, offer, reveal
from tests.services.card_redemption.world import NOW

KEY = b"k" * 32
ATTEMPT = Attempt("ACTIVATE_CARD", "cus_1", EntryChannel.APP, AttemptOutcome.DONE, card_id="crd_1", request_id="r")


async def record(cards: CardLedger, count: int) -> None:
    """So many attempts."""
    await write(cards.connection, keep_attempts([ATTEMPT] * count, NOW))


async def sealed(cards: CardLedger) -> int:
    """Seal what there is; how many."""
    async with cards.connection.transaction():
        return await seal(cards.connection, KEY)


async def volume(cards: CardLedger, number: int) -> tuple[Ends, list[Row]]:
    """A volume as the auditor reads it."""
    name, before = f"rec_{number:09d}", f"rec_{number - 1:09d}"
    root = await cards.connection.fetchrow("select attempts, attempts_head from record_volumes where id = $1", name)
    left = await cards.connection.fetchval("select attempts_head from record_volumes where id = $1", before)
    rows = await cards.connection.fetch(
        """select number, id, request_id, at, actor, channel, kind, outcome, reason, card_id, order_id, link
           from attempts where volume = $1 order by number""", name,
    )
    assert root is not None
    ends = Ends(ATTEMPTS, name, root["attempts"], root["attempts_head"], left=left or b"")
    return ends, [Row(row[0], tuple(row.values())[1:-1], row[-1]) for row in rows]


async def test_every_attempt_is_recorded_with_what_became_of_it(cards: CardLedger) -> None:
    """Denials too, though nothing else is written; a repetition is none."""
    await issue(cards, code=CODE, inactive=True)
    with pytest.raises(SettlementError):
        await activate(cards, OTHERS, "cus_2")
    with pytest.raises(SettlementError):
        await offer(cards)
    await activate(cards, CODE)
    request_id = cards.request_id()
    await reveal(cards, request_id=request_id)
    await reveal(cards, request_id=request_id)

    listed = await RecordServicer(cards).ListAttempts(pb.ListAttemptsRequest(), cards.context)  # type: ignore[arg-type]

    told = [(each.kind, each.actor, record_pb2.AttemptOutcome.Name(each.outcome)[16:], each.reason)
            for each in listed.attempts]
    assert told == [
        ("ISSUE_CARD", "cus_1", "DONE", ""), ("ACTIVATE_CARD", "cus_2", "DENIED", "CODE_REJECTED"),
        ("TRANSFER_CARD", "cus_1", "DENIED", "CARD_STATE"), ("ACTIVATE_CARD", "cus_1", "DONE", ""),
        ("REVEAL_CODE", "cus_1", "DONE", ""),
    ]
    last = listed.attempts[-1]
    assert (last.idempotency_key, last.channel, last.card_id) == (request_id, record_pb2.ENTRY_CHANNEL_WEB, "crd_1")
    assert last.create_time.ToDatetime(NOW.tzinfo) == NOW


async def test_attempts_are_listed_of_an_actor_or_a_card(cards: CardLedger) -> None:
    """In pages, the oldest first."""
    await issue(cards)
    await issue(cards, "crd_2", customer="cus_2")
    servicer: Any = RecordServicer(cards)  # type: ignore[arg-type]  # the ledger is the edge

    by_card = await servicer.ListAttempts(pb.ListAttemptsRequest(card_id="crd_2"), cards.context)
    by_actor = await servicer.ListAttempts(pb.ListAttemptsRequest(actor="cus_1", page_size=1), cards.context)

    assert [each.card_id for each in by_card.attempts] == ["crd_2"]
    assert ([each.card_id for each in by_actor.attempts], by_actor.next_page_token) == (["crd_1"], "")


async def test_only_attempts_are_recorded(cards: CardLedger) -> None:
    """Anything else is a defect of ours."""
    with pytest.raises(Defect):
        await write(cards.connection, keep_attempts(["x"], NOW))


async def test_sealing_goes_on_where_it_stood_volume_after_volume(
    cards: CardLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every volume holds by itself, and goes on from the head of the one before."""
    monkeypatch.setattr(sealing, "VOLUME_ATTEMPTS_MAX", 3)
    counts = []
    for count in (2, 1, 5, 0, 1):
        await record(cards, count)
        counts.append(await sealed(cards))

    assert counts == [2, 1, 5, 0, 1]
    volumes = [await volume(cards, number) for number in (1, 2, 3)]
    assert [len(rows) for _, rows in volumes] == [3, 3, 3]
    assert [faults(ends, rows, KEY) for ends, rows in volumes] == [[], [], []]
    assert faults(*volumes[0], b"other") != []


async def test_two_sealers_do_not_seal_twice(cards: CardLedger) -> None:
    """The second leaves it to the first."""
    await record(cards, 2)
    other = await connect_lane(cards.settings)

    async with cards.connection.transaction(), other.transaction():
        counts = await seal(cards.connection, KEY), await asyncio.wait_for(seal(other, KEY), 10)

    await other.close()
    assert counts == (2, 0)


async def test_nobody_waits_for_the_sealer(cards: CardLedger) -> None:
    """Others record, and decide, while it is at it."""
    await record(cards, 2)
    other = await connect_lane(cards.settings)

    async with other.transaction():
        await seal(other, KEY)
        await asyncio.wait_for(issue(cards), 10)

    await other.close()
    assert await sealed(cards) == 1


@pytest.mark.parametrize(
    "deed",
    [
        "delete from attempts", "truncate attempts cascade", "update attempts set outcome = 'DONE'",
        "update attempts set volume = null, number = null, link = null", "update attempts set link = '\\x00'",
        "delete from record_volumes", "truncate record_volumes cascade",
        "update record_volumes set attempts_head = '\\x00'", "update record_volumes set attempts = attempts - 1",
    ],
)
async def test_nothing_takes_an_attempt_away(cards: CardLedger, deed: str) -> None:
    """The database refuses, whoever asks."""
    await record(cards, 2)
    await sealed(cards)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only appended"):
        await cards.connection.execute(deed)


async def test_what_is_not_sealed_yet_does_not_change_either(cards: CardLedger) -> None:
    """Sealing it is the one thing that may be done to it."""
    await record(cards, 1)

    for deed in ("delete from attempts", "update attempts set actor = 'x'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only appended"):
            await cards.connection.execute(deed)


SWAPPED = [f"update attempts set number = {to} where number = {of}" for of, to in ((2, 9), (3, 2), (9, 3))]


@pytest.mark.parametrize(
    ("deeds", "number", "fault"),
    [
        (["update attempts set actor = 'nobody' where number = 2"], 2, Fault.CHANGED),
        (["delete from attempts where number = 2"], 2, Fault.MISSING),
        (SWAPPED, 2, Fault.MOVED),
        (["delete from attempts where number = 4", "update record_volumes set attempts = 3"], 3, Fault.HEAD),
    ],
)
async def test_whoever_gets_past_the_trigger_is_told_by_the_chain(
    cards: CardLedger, deeds: Sequence[str], number: int, fault: Fault
) -> None:
    """The first record that was altered, taken out or swapped is named (RD-31)."""
    for name in ("cus_1", "cus_2", "cus_3", "cus_4"):
        await write(cards.connection, keep_attempts([Attempt("X", name, EntryChannel.APP, AttemptOutcome.DENIED)], NOW))
    await sealed(cards)
    await cards.connection.execute("set session_replication_role = replica")  # no trigger fires

    for deed in deeds:
        await cards.connection.execute(deed)

    first = faults(*await volume(cards, 1), KEY)[0]
    assert (first.number, first.fault) == (number, fault)
