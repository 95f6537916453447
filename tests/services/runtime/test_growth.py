"""Nothing that is over grows for ever: answers, digests, events; and what is asked often does not look through them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as some

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions
from services.kernel.saga import Branch, BranchState, Definition, Participant, Phase, Run, Verdict
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_owner
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.nightly import Nightly
from services.runtime.rpc import operations
from services.runtime.stored import inbox, parked, sagas
from services.runtime.stored.inbox import Answered
from services.runtime.stored.journals import StoredEvent, save_events
from services.runtime.stored.oldest_sagas import OldestSagas
from services.runtime.stored.pruning import SLICE_ROWS, Windows
from services.runtime.stored.steps import Found, look_for, nothing_shown
from tests.clocks import StillClock
from tests.services.runtime.chained import tell
from tests.services.runtime.test_sagas import NewPlan, Told

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLANE = Participant(
    service="plane", involved=lambda plan: True, key=lambda plan: "k", command=lambda plan: plan,
    planned=lambda plan: (), result_type=Told, digest=lambda told: Told(told.at),
)
REFUND = Definition("refund", 1, NewPlan, (PLANE,))
DEFINITIONS = Definitions(REFUND)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    """To a database with the runtime's tables."""
    await migrate(settings.dsn, [])
    opened = await connect_owner(settings)
    yield opened
    await opened.close()


def nightly(settings: Settings, oldest: OldestSagas | None = None, at: datetime = NOW) -> Nightly:
    """The job of a coordinator."""
    return Nightly(settings, StillClock(at), DEFINITIONS, oldest or OldestSagas())


def run(number: int, began: datetime, ended: datetime | None) -> Run:
    """A saga with one participant, which has answered if it has ended."""
    stands = Phase.DONE if ended else Phase.EXECUTING
    new = begin(REFUND, f"saga_{number}", "ord_1", NewPlan((number,)), began).run
    branches = tuple(
        Branch(b.service, BranchState.ENDED, result=Told(began, "loaded")) if ended else b
        for b in new.branches
    )
    decision = "COMMIT" if ended else ""
    return replace(new, phase=stands, decision=decision, updated_at=ended or began, branches=branches)


async def answered(connection: Connection, *ids: str, at: datetime) -> None:
    """These were answered at this instant."""
    await write(connection, inbox.save({one: Answered(one, Verdict.DONE) for one in ids}, at))


async def kept(connection: Connection) -> set[str]:
    """Whose answers are there."""
    return {row[0] for row in await connection.fetch("select message_id from inbox")}


async def test_answers_of_requests_are_kept_for_thirty_days(connection: Connection, settings: Settings) -> None:
    """To the second: that is what the contract promises."""
    await answered(connection, "old", at=NOW - 30 * DAY - timedelta(seconds=1))
    await answered(connection, "young", at=NOW - 30 * DAY)

    assert await nightly(settings).prune() == {"requests": 1}
    assert await kept(connection) == {"young"}


async def test_answers_of_notices_are_no_answers_of_branches(connection: Connection, settings: Settings) -> None:
    """A notice's id may end with a number (`stepped/leg_1/3`): where no coordinator is ever heard, as in the order
    service, its answer stayed for ever."""
    of_branches = {"saga_1/T", "saga_1/F", "saga_1/C"}
    await answered(connection, "stepped/leg_1/3", "expired/rfd_1", *of_branches, at=NOW - 31 * DAY)

    assert await nightly(settings).prune() == {"requests": 2}
    assert await kept(connection) == of_branches


async def test_answers_of_a_branch_stay_until_its_saga_has_been_over_for_thirty_days(
    connection: Connection, settings: Settings
) -> None:
    """A saga of before that is frozen keeps all that is younger than it; nobody heard of keeps everything."""
    oldest = OldestSagas()
    await answered(connection, "saga_1/T", "saga_1/F", at=NOW - 90 * DAY)
    await answered(connection, "saga_2/T", at=NOW - 60 * DAY)
    await answered(connection, "saga_2/F", at=NOW - 40 * DAY)
    assert await nightly(settings, oldest).prune() == {}

    for began, left in (
        (NOW - 80 * DAY, {"saga_2/T", "saga_2/F"}), (NOW - 50 * DAY, {"saga_2/F"}), (NOW, set[str]()),
    ):
        oldest.hear([("ce_oldestsaga", began.isoformat().encode()), ("ce_replyto", b"order/ord_1")])
        await nightly(settings, oldest).prune()
        assert await kept(connection) == left


@pytest.mark.parametrize(("service", "left"), [("plane", {"saga_1/T"}), ("order", set[str]())])
async def test_who_takes_part_in_its_own_sagas_keeps_its_answers_for_them(
    connection: Connection, settings: Settings, service: str, left: set[str]
) -> None:
    """What it says to itself comes in no record: it hears of its open ones all the same, and nobody else's count."""
    oldest = OldestSagas()
    await write(connection, *sagas.saga_table(DEFINITIONS).save([run(1, NOW - 50 * DAY, None)], {}))
    await answered(connection, "saga_1/T", at=NOW - 49 * DAY)
    oldest.hear([("ce_oldestsaga", NOW.isoformat().encode()), ("ce_replyto", b"credit_ledger/acc_1")])

    await nightly(replace(settings, service=service), oldest).prune()

    assert await kept(connection) == left


async def test_answers_stay_though_a_clock_of_theirs_is_behind(connection: Connection, settings: Settings) -> None:
    """A participant's database is not as exactly on time as a saga is quick: without the answer to its EXECUTE, one
    that was frozen for a month and goes on would be executed again."""
    oldest = OldestSagas()
    oldest.hear([("ce_oldestsaga", (NOW - 40 * DAY).isoformat().encode()), ("ce_replyto", b"order/ord_1")])
    await answered(connection, "saga_1/T", at=NOW - 40 * DAY - timedelta(seconds=5))

    assert await nightly(settings, oldest).prune() == {}
    assert await kept(connection) == {"saga_1/T"}


async def test_answers_stay_while_a_message_of_theirs_is_set_aside(
    connection: Connection, settings: Settings
) -> None:
    """An EXECUTE that was set aside and given up waits for ever: retried after its tombstone is gone, it would move the
    money of a saga that is over."""
    oldest = OldestSagas()
    oldest.hear([("ce_oldestsaga", NOW.isoformat().encode()), ("ce_replyto", b"order/ord_1")])
    await answered(connection, "saga_1/T", "saga_1/C", "saga_2/T", "ntc_1", "ntc_2", at=NOW - 50 * DAY)
    rows = [parked.Parked("t", 0, n, "k", one, [], b"", "DEFECT", "") for n, one in enumerate(
        ("saga_1/credit_ledger/E", "ntc_1")
    )]
    await parked.save(connection, rows, NOW - 60 * DAY)

    assert await nightly(settings, oldest).prune() == {"requests": 1, "branches": 1}
    assert await kept(connection) == {"saga_1/T", "saga_1/C", "ntc_1"}


async def test_only_coordinators_that_exist_are_heard(connection: Connection, settings: Settings) -> None:
    """Whoever else writes into a topic stops no pruning, for good or until the next start."""
    oldest = OldestSagas()
    for name in (b"nobody/ord_1", b"ord\0er/ord_1", b"/"):
        oldest.hear([("ce_oldestsaga", b"0001-01-01T00:00:00+00:00"), ("ce_replyto", name)])

    assert await oldest.horizon(connection) is None


async def test_what_was_heard_survives_a_restart(connection: Connection, settings: Settings) -> None:
    """Another coordinator that was ever heard counts, until it is heard again."""
    first, second = OldestSagas(), OldestSagas()
    first.hear([("ce_oldestsaga", (NOW - 90 * DAY).isoformat().encode()), ("ce_replyto", b"order/ord_1")])
    second.hear([("ce_oldestsaga", NOW.isoformat().encode()), ("ce_replyto", b"card_redemption/rdm_1")])
    await first.horizon(connection)

    assert await second.horizon(connection) == NOW - 90 * DAY
    assert await OldestSagas().horizon(connection) == NOW - 90 * DAY


@pytest.mark.parametrize("said", [b"", b"soon", b"2026-06-01T00:00:00", b"\xff"])
async def test_what_is_no_instant_says_nothing(connection: Connection, said: bytes) -> None:
    """Whatever a record holds."""
    oldest = OldestSagas()

    oldest.hear([("ce_oldestsaga", said), ("ce_replyto", b"order/ord_1")])
    oldest.hear([("ce_oldestsaga", NOW.isoformat().encode())])

    assert await oldest.horizon(connection) is None


async def test_ended_sagas_become_digests_and_are_found_as_before(connection: Connection, settings: Settings) -> None:
    """What is open, or ended lately, stays as it is; a digest has outcome and plan, and what is needed of answers."""
    table, oldest = sagas.saga_table(DEFINITIONS), OldestSagas()
    ended, lately = run(1, NOW - 50 * DAY, NOW - 31 * DAY), run(2, NOW - 40 * DAY, NOW - 29 * DAY)
    open_one = run(3, NOW - 45 * DAY, None)
    await write(connection, *table.save([ended, lately, open_one], {}))

    assert await nightly(settings, oldest).prune() == {"digests": 1}

    found = {saga.id: saga for saga in await table.load(connection, ["saga_1", "saga_2", "saga_3", "saga_4"])}
    assert found == {
        "saga_1": DEFINITIONS.digested(found["saga_1"]), "saga_2": lately, "saga_3": open_one,
    }
    assert (found["saga_1"].plan, found["saga_1"].phase, found["saga_1"].updated_at) == (
        ended.plan, Phase.DONE, ended.updated_at
    )
    assert found["saga_1"].branches[0].result == Told(NOW - 50 * DAY)
    assert dict(oldest.header()) == {"ce_oldestsaga": (NOW - 45 * DAY).isoformat().encode()}


async def test_who_watches_a_digest_sees_the_end(connection: Connection, settings: Settings) -> None:
    """A settlement that ended long ago was not found by who watched it, though it could be read."""
    await write(connection, *sagas.saga_table(DEFINITIONS).save([run(1, NOW - 50 * DAY, NOW - 31 * DAY)], {}))
    await nightly(settings).prune()
    look = look_for(DEFINITIONS, nothing_shown)

    found = await look(connection, {"saga_1": 0, "saga_2": 0})

    assert [(step.run.id, step.run.phase) for step in found.newer] == [("saga_1", Phase.DONE)]
    assert found.missing == {"saga_2"}
    assert await look(connection, {"saga_1": found.newer[0].run.version}) == Found()


async def test_a_saga_that_cannot_be_read_stops_no_pruning(connection: Connection, settings: Settings) -> None:
    """It stays as it is, with the answers of its branches and of younger ones; the process went down with it."""
    oldest, began = OldestSagas(), NOW - 50 * DAY
    unreadable = replace(run(1, began, NOW - 40 * DAY), definition_version=9)
    await write(connection, *sagas.saga_table(DEFINITIONS).save([unreadable, run(2, began, NOW - 31 * DAY)], {}))
    await answered(connection, "old", at=NOW - 31 * DAY)

    assert await nightly(settings, oldest).prune() == {"digests": 1, "requests": 1}
    assert oldest.own == began
    assert await connection.fetchval("select id from sagas") == "saga_1"


@pytest.mark.parametrize("key", ["", "5e" * 32])
async def test_old_events_leave_the_head_of_their_chain(connection: Connection, settings: Settings, key: str) -> None:
    """As their root had it when the last of them was told; in two goes it is the same chain. An aggregate's newest
    event stays, and events cannot be deleted otherwise."""
    told = [
        StoredEvent("ord_1", n, "Added", NOW - 400 * DAY + n * DAY, "", f"{n}".encode()) for n in range(1, 11)
    ]
    short = replace(settings, events_retention_days=395, environ={"SETTLE_CHAIN_KEY": key})
    await tell(connection, [StoredEvent("ord_2", 1, "Added", NOW - 390 * DAY, "", b"1"), told[9]])
    heads = await tell(connection, told[:9], short.chain_key)

    assert await nightly(short).prune() == {"events": 4}
    assert await nightly(short, at=NOW + 40 * DAY).prune() == {"events": 5}

    rows = await connection.fetch("select aggregate_id, sequence, hash from event_checkpoints")
    assert [tuple(row) for row in rows] == [("ord_1", 9, heads["ord_1"])]
    assert await connection.fetchval("select count(*) from events") == 2
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute("delete from events")


async def test_a_chain_has_no_hole_though_the_clock_went_back(connection: Connection, settings: Settings) -> None:
    """An event that is younger than the one after it was dropped before its time, and its chain went on without it."""
    days = (-400, -390, -400, -300)
    told = [StoredEvent("ord_1", n, "Added", NOW + day * DAY, "", b"") for n, day in enumerate(days, 1)]
    heads = await tell(connection, told[:3])
    await tell(connection, told[3:])

    assert await nightly(replace(settings, events_retention_days=395)).prune() == {"events": 1}
    assert await nightly(replace(settings, events_retention_days=365)).prune() == {"events": 2}

    assert await connection.fetchval("select hash from event_checkpoints") == heads["ord_1"]


async def test_events_from_before_there_were_chains_go_without_a_head(
    connection: Connection, settings: Settings
) -> None:
    """The chain begins behind them, and goes on over one that an older process told in between."""
    told = [StoredEvent("ord_1", n, "Added", NOW - 400 * DAY + n * DAY, "", b"") for n in range(1, 6)]
    await write(connection, save_events(told[:2], [b"", b""]))
    heads = await tell(connection, told[2:3])
    await write(connection, save_events(told[3:], [b"", b""]))

    for days, head in ((398, b""), (396, heads["ord_1"]), (1, heads["ord_1"])):
        await nightly(replace(settings, events_retention_days=days)).prune()
        assert await connection.fetchval("select hash from event_checkpoints") == head


async def test_events_stay_for_ever_unless_somebody_says_otherwise(connection: Connection, settings: Settings) -> None:
    """0 days is no time but no end."""
    await tell(connection, [StoredEvent("ord_1", n, "Added", NOW - 9_000 * DAY, "", b"") for n in (1, 2)])

    await nightly(settings).prune()

    assert await connection.fetchval("select count(*) from events") == 2


async def test_resolved_messages_go_and_open_ones_stay(connection: Connection, settings: Settings) -> None:
    """Thirty days after somebody resolved them."""
    rows = [parked.Parked("t", 0, n, "k", f"m{n}", [], b"", "DEFECT", "") for n in (1, 2, 3)]
    await parked.save(connection, rows, NOW - 90 * DAY)
    for offset, days in ((1, 31), (2, 29)):
        resolved = "update parked set state = 'DISCARDED', resolved_at = $1 where kafka_offset = $2"
        await connection.execute(resolved, NOW - days * DAY, offset)

    assert await nightly(settings).prune() == {"parked": 1}


async def test_one_process_prunes_at_a_time(connection: Connection, settings: Settings) -> None:
    """The other finds it under way, and leaves it."""
    await answered(connection, "old", at=NOW - 31 * DAY)
    await connection.execute("select pg_advisory_lock($1)", 0x5E79)

    assert await nightly(settings).prune() == {}
    await connection.execute("select pg_advisory_unlock($1)", 0x5E79)
    assert await nightly(settings).prune() == {"requests": 1}


@given(some.integers(1, 10**6), some.integers(1, 40 * 86_400))
def test_windows_cover_the_time_once_and_fit_what_they_hold(rows_per_second: int, seconds: int) -> None:
    """They touch each other, end where they should, and hold about as many rows as a slice once they have adapted."""
    windows, at, counts = Windows(NOW, NOW + timedelta(seconds=seconds)), NOW, list[int]()
    for _ in range(100_000):
        if not windows or len(counts) > 200:
            break
        began, until = windows.next()
        assert began == at < until
        at = until
        counts.append(int((until - began).total_seconds() * rows_per_second))
        windows.pruned(counts[-1])

    assert max(counts[8:], default=0) <= max(2 * SLICE_ROWS, rows_per_second // 100)


DAYS = 36
PARKED_KEYS = re.findall('"(select key.*?)"', Path(parked.__file__).read_text(), re.DOTALL)[0]


@pytest.mark.parametrize("a_day", [pytest.param(1_000), pytest.param(25_000, marks=pytest.mark.long)])
async def test_tables_stay_flat(connection: Connection, settings: Settings, a_day: int) -> None:
    """Five weeks of settlements, pruned each night: after thirty, new rows take the room of old ones."""
    oldest, sizes = OldestSagas(), list[int]()
    for day in range(DAYS):
        now = NOW + day * DAY
        await _a_day(connection, now, day, a_day)
        oldest.hear([("ce_oldestsaga", (now - 30 * DAY).isoformat().encode()), ("ce_replyto", b"order/ord_1")])
        await nightly(settings, oldest, at=now + DAY).prune()
        await connection.execute("vacuum inbox, sagas")
        size = "select pg_relation_size('inbox') + pg_relation_size('sagas')"
        sizes.append(await connection.fetchval(size))

    assert sizes[-1] <= sizes[31] * 1.02


async def _a_day(connection: Connection, at: datetime, day: int, count: int) -> None:
    """Settlements spread over a day, each with a request and three answers."""
    await connection.execute(
        """insert into inbox (message_id, verdict, decided_at)
           select id, 'DONE', $1::timestamptz + n * interval '1 day' / $3
           from generate_series(1, $3::integer) n,
                unnest(array['', '/T', '/F']) op, lateral (select 's' || $2::text || '-' || n || op id) named""",
        at, str(day), count,
    )
    await connection.execute(
        """insert into sagas (id, root, kind, definition_version, phase, decision, started_at, deadline_at, updated_at,
                              version, plan, branches)
           select 's' || $2::text || '-' || n, 'ord_' || n, 'refund', 1, 'DONE', 'COMMIT', began, began, began, 2,
                  '{"amounts": [1]}', '[]'
           from generate_series(1, $3::integer) n,
                lateral (select $1::timestamptz + n * interval '1 day' / $3 began) at""",
        at, str(day), count,
    )


@pytest.mark.parametrize("count", [pytest.param(20_000), pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_what_is_asked_often_does_not_look_through_what_is_over(connection: Connection, count: int) -> None:
    """A page of sagas, of open ones, and the parked keys read a few pages of the database, whatever has ended."""
    await _a_day(connection, NOW, 0, count)
    await connection.execute("vacuum analyze")
    page = "where ($1 in ('', 'OPEN') or s.phase = $1) and (s.started_at, s.id) > ('2026-06-01 12:00', '') "
    page += "order by s.started_at, s.id limit 101"

    for query, values in (
        (f"{operations._SAGA} {page}", [""]), (f"{operations._OPEN_SAGA} {page}", ["OPEN"]),
        (PARKED_KEYS, [[parked.UNDELIVERABLE, *parked.QUARANTINED]]),
    ):
        assert await _blocks(connection, query, *values) < 1_000


async def _blocks(connection: Connection, query: str, *values: str) -> int:
    """How many pages it reads."""
    plan = await connection.fetch(f"explain (analyze, buffers) {query}", *values)
    text = "\n".join(row[0] for row in plan)
    found = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", text)
    return int(found[1]) + int(found[2] or 0) if found else 0
