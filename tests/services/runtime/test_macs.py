"""What records say of their sender: what none of ours sent as it is, where it is, is quarantined and never decided."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.decision import Command
from services.kernel.errors import Untrusted
from services.kernel.messages import Op, SagaRef
from services.runtime.ground.macs import FIRST_MAC, MAC, Signer, Verifier, as_retried
from services.runtime.ground.records import PLACE, REPLY_TYPE, Headers, Outbound, Outgoing
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.process import Process
from services.runtime.stored import parked
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import CODEC, SERVICE, Add
from tests.services.runtime.raw_records import COMMANDS, Raw, command, fetch, holds, send

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
OLD, NEW = f"1:{'01' * 32}", f"2:{'02' * 32}"
ORDER = Settings("order", mac_required=True)
CREDIT = Settings("credit_ledger", mac_required=True)


def keyed(settings: Settings, keys: str, version: int = 0) -> Settings:
    """The settings with these keys of the order service."""
    return replace(settings, environ={"SETTLE_MAC_ORDER_KEYS": keys}, mac_version=version)


def sent(sender: Settings = ORDER, number: int = 1) -> Outgoing:
    """A command as the sender's producer sends it."""
    outbound = Outbound(sender.service, CODEC, 2)
    made = Command("counter", "acc_1", Add(number), SagaRef(f"s{number}", "counter", Op.EXECUTE))
    record = outbound.command(made, "ord_1", NOW)
    return replace(record, headers=Signer(sender).signed(record))


def fault(record: Outgoing, verifier: Settings = CREDIT) -> str:
    """Why the record is not trusted; empty if it is."""
    try:
        Verifier(verifier).check(record.topic, record.key.encode(), record.payload, record.headers)
    except Untrusted as untrusted:
        return untrusted.reason
    return ""


def with_header(record: Outgoing, name: str, value: bytes) -> Outgoing:
    """The record with another value of a header."""
    return replace(record, headers=[(each, value if each == name else held) for each, held in record.headers])


def test_what_a_service_sends_is_trusted_by_whoever_has_its_key() -> None:
    """Where the keys are the local ones, and where they are set."""
    assert fault(sent()) == ""
    assert fault(sent(keyed(ORDER, OLD)), keyed(CREDIT, OLD)) == ""


@pytest.mark.parametrize("altered", [
    pytest.param(lambda r: replace(r, payload=r.payload + b"\x08\x02"), id="value"),
    pytest.param(lambda r: replace(r, key="acc_2"), id="another key"),
    pytest.param(lambda r: replace(r, topic="settlement.card_redemption.commands.v1"), id="another topic"),
    pytest.param(lambda r: with_header(r, "ce_op", b"C"), id="header"),
    pytest.param(lambda r: replace(r, headers=r.headers[1:]), id="header taken out"),
    pytest.param(lambda r: replace(r, headers=[*r.headers, ("ce_notafter", b"2027-01-01")]), id="header put in"),
    pytest.param(lambda r: replace(r, headers=[r.headers[1], r.headers[0], *r.headers[2:]]), id="header moved"),
    pytest.param(lambda r: with_header(r, MAC, b"order:1:" + b"0" * 64), id="code"),
    pytest.param(lambda r: with_header(r, MAC, b"\xff\xfe"), id="no code"),
    pytest.param(lambda r: with_header(r, MAC, b"order:" + b"9" * 5_000 + b":00"), id="long version"),
    pytest.param(lambda r: replace(r, headers=[*r.headers, r.headers[-1]]), id="two codes"),
    pytest.param(lambda r: replace(r, headers=[*r.headers, (PLACE, b"1")]), id="a place among the parked"),
])
def test_whatever_is_altered_is_forged(altered: object) -> None:
    """A record that was taken from one place to another is one, too."""
    assert callable(altered)
    assert fault(altered(sent())) == "FORGED"


@given(data=st.data())
def test_no_other_record_has_the_same_code(data: st.DataObject) -> None:
    """One byte more, less or other, anywhere in what is covered, also across the borders of its parts."""
    record = sent()
    parts = [record.topic.encode(), record.key.encode(), record.payload]
    parts += [part for name, value in record.headers if name.startswith("ce_") for part in (name.encode(), value)]
    at = data.draw(st.integers(0, len(parts) - 2))
    taken = data.draw(st.integers(1, max(1, len(parts[at + 1]))))
    parts[at], parts[at + 1] = parts[at] + parts[at + 1][:taken], parts[at + 1][taken:]

    names = iter(parts[3:])
    headers = [(name.decode(errors="replace"), next(names)) for name in names]
    moved = [header for header in headers if header[0].startswith("ce_")]
    mac = [header for header in record.headers if header[0] == MAC]

    with pytest.raises(Untrusted, match="FORGED"):
        Verifier(CREDIT).check(parts[0].decode(errors="replace"), parts[1], parts[2], [*moved, *mac])


def test_what_carries_no_code_is_taken_only_where_none_is_required() -> None:
    """During an upgrade from a version that signed nothing."""
    unsigned = replace(sent(), headers=[header for header in sent().headers if header[0] != MAC])

    assert fault(unsigned) == "UNSIGNED"
    assert fault(unsigned, replace(CREDIT, mac_required=False)) == ""
    assert fault(with_header(sent(), "ce_op", b"C"), replace(CREDIT, mac_required=False)) == "FORGED"


def test_a_key_is_changed_with_both_alive() -> None:
    """Whoever listens gets the new key first; then it signs; then the old one goes, and what it signed is not taken."""
    both, listener = keyed(ORDER, f"{OLD},{NEW}", version=1), keyed(CREDIT, f"{OLD},{NEW}")

    assert fault(sent(both), keyed(CREDIT, OLD)) == ""
    assert fault(sent(keyed(ORDER, f"{OLD},{NEW}")), listener) == ""
    assert fault(sent(keyed(ORDER, OLD)), listener) == ""
    assert fault(sent(keyed(ORDER, OLD)), keyed(CREDIT, NEW)) == "UNKNOWN_MAC_KEY"
    with pytest.raises(SettingsError, match="SETTLE_MAC_VERSION=3"):
        Signer(keyed(ORDER, OLD, version=3))


def test_nobody_speaks_for_another() -> None:
    """A key of one's own signs nothing in another service's name, and no answer to what another one was asked."""
    foreign = Settings("card_redemption")
    stolen = replace(sent(), headers=Signer(foreign).signed(sent()))
    own_name = with_header(stolen, "ce_source", b"settlement/card_redemption")
    reply = replace(own_name, headers=[
        ("ce_source", b"settlement/card_redemption"), ("ce_type", REPLY_TYPE.encode()), ("ce_branch", b"credit_ledger"),
    ])

    assert fault(stolen) == "FORGED"
    assert fault(replace(own_name, headers=Signer(foreign).signed(own_name))) == "FORGED"
    assert fault(replace(reply, headers=Signer(foreign).signed(reply)), ORDER) == "FORGED"
    assert fault(with_header(sent(), MAC, b"nobody:1:00")) == "UNKNOWN_MAC_KEY"


def test_what_is_retried_shows_who_sent_it_and_who_sends_it_again() -> None:
    """The place among the parked is the word of the service that set it aside; all else stays its sender's."""
    first = sent()
    again = replace(first, headers=as_retried(first.headers, 7))
    signed = replace(again, headers=Signer(CREDIT).signed(again))
    twice = replace(signed, headers=as_retried(signed.headers, 8))
    altered = replace(again, payload=b"\x08\x09")

    assert fault(signed) == ""
    assert fault(replace(twice, headers=Signer(CREDIT).signed(twice))) == ""
    assert fault(replace(again, headers=Signer(ORDER).signed(again))) == "FORGED"
    assert fault(replace(altered, headers=Signer(CREDIT).signed(altered))) == "FORGED"
    assert [name for name, _ in twice.headers].count(FIRST_MAC) == 1


def test_what_was_never_signed_is_not_signed_by_its_retry() -> None:
    """Else a person who looks at what is parked could make a stranger's record ours."""
    unsigned = replace(sent(), headers=as_retried([h for h in sent().headers if h[0] != MAC], 7))
    retried = replace(unsigned, headers=Signer(CREDIT).signed(unsigned))

    assert fault(retried) == "UNSIGNED"
    assert fault(retried, replace(CREDIT, mac_required=False)) == ""


def test_the_code_is_cheap() -> None:
    """A settlement sends and hears about a dozen records: at some microseconds each nobody notices. The bound is wide,
    for machines are busy; the best of several counts."""
    record, verifier, signer = sent(), Verifier(CREDIT), Signer(ORDER)
    best = min(_seconds_of(lambda: signer.signed(record), 500) for _ in range(9))
    check = min(
        _seconds_of(lambda: verifier.check(record.topic, b"acc_1", record.payload, record.headers), 500)
        for _ in range(9)
    )

    assert best < 40e-6, best
    assert check < 40e-6, check


def _seconds_of(work: object, times: int) -> float:
    assert callable(work)
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def signed(raw: Raw, settings: Settings) -> Raw:
    """The raw record, signed as `order` would."""
    key, headers, value = raw
    named: Headers = [*((name, held or b"") for name, held in headers), ("ce_source", b"settlement/order")]
    record = Outgoing(COMMANDS, 0, (key or b"").decode(), named, value or b"")
    return key, Signer(replace(settings, service="order")).signed(record), value


@asynccontextmanager
async def requiring(local: Settings) -> AsyncIterator[Process]:
    """A process of counters that takes nothing without a code."""
    process = Process(SERVICE, replace(local, mac_required=True))
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def _aside(local: Settings) -> Sequence[tuple[object, ...]]:
    return await fetch(local, "select reason, key, state from parked order by id")


async def test_a_forged_record_is_quarantined_and_its_key_goes_on(local: Settings, until: Until) -> None:
    """Whoever can write to the topic can neither have anything decided nor stop what others ask of the same key."""
    key, headers, _ = signed(command(1), local)
    altered = key, headers, CODEC.encode(Add(1_000))[1]

    async with requiring(local):
        await send(local, altered, command(2), signed(command(3), local))
        await until(holds(local, "select exists (select from inbox)"))

    assert await _aside(local) == [("FORGED", "poison", "PARKED"), ("UNSIGNED", "poison", "PARKED")]
    assert await fetch(local, "select message_id from inbox") == [("s3/T",)]
    assert await fetch(local, "select value from counters where id = 'poison'") == [(1,)]


async def test_a_record_under_a_key_that_came_late_is_decided_once_it_is_retried(local: Settings, until: Until) -> None:
    """The other order of a rotation: nothing is lost, a person sends again what was quarantined."""
    unknowing = replace(local, environ={"SETTLE_MAC_ORDER_KEYS": OLD})
    knowing = replace(local, environ={"SETTLE_MAC_ORDER_KEYS": f"{OLD},{NEW}"})

    async with requiring(unknowing):
        await send(local, signed(command(1), knowing))
        await until(holds(local, "select exists (select from parked)"))
    async with requiring(knowing) as process:
        async with process._pool.own.acquire() as connection, connection.transaction():
            assert await parked.retry(connection, 1, local.partitions, why="mended", now=NOW)
        await until(holds(local, "select exists (select from inbox)"), 20)

    assert await _aside(local) == [("UNKNOWN_MAC_KEY", "poison", "RETRIED")]
