"""The auditor and redemptions in the credit ledger: it finds nothing in what the rules wrote, and what was edited."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from settle.audit.findings import CARD, CREDIT
from settle.audit.joins.payouts import payouts
from tests.settle.audit.breaking import Breakable, Verdict, breakable, taken_back
from tests.settle.audit.edits import Statement
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import house
from tests.settle.audit.planting import journal
from tests.settle.audit.reading import Listening
from tests.settle.audit.redeeming import ACCOUNT, OWED, redeem

UNCOORDINATED = frozenset({"joins.unknown", "clearing.zero"})
"""What is found because nobody coordinates this, and the card book has no other legs."""


@pytest.fixture(scope="module")
async def redeemed(shared_dsn: str) -> AsyncIterator[Breakable]:
    """Redemptions in the credit ledger, to be broken."""
    async with house(shared_dsn, "redeemed", BEGIN) as world:
        await redeem(world)
        async with breakable(world.dsns) as opened:
            yield opened


def _owed(payouts: dict[str, int]) -> list[Statement]:
    """What the card book would have posted for these payouts."""
    return [
        Statement(journal(
            "A.CH.RECYCLER,L.PAYOUT.TRANSIT", f"{amount},{-amount}", f"CHAN,{payout}", root="crd_x", version=number,
            op="settle",
        ), ()) for number, (payout, amount) in enumerate(payouts.items(), 1)
    ]


async def _verdict(redeemed: Breakable, sql: str = "") -> Verdict:
    """What the auditor says of it with the card book's side, and after an edit."""
    changes = {CARD: _owed(OWED)}
    if sql:
        changes[CREDIT] = [Statement(sql, ())]
    return await redeemed.broken(changes)


async def test_what_the_rules_wrote_is_clean(redeemed: Breakable) -> None:
    """But for what nobody coordinated: rows, journals, legs, timers, events and logs agree."""
    verdict = await redeemed.asked_all()

    assert not verdict.failed
    assert verdict.checks - UNCOORDINATED == {"joins.payouts"}


async def test_with_the_card_book_payouts_agree(redeemed: Breakable) -> None:
    """What each is to pay is owed there under its id; what was stopped is owed no more (OP-2)."""
    verdict = await _verdict(redeemed)

    assert "joins.payouts" not in verdict.checks


class Edit(NamedTuple):
    """An edit of the credit book, and the checks that must see it."""

    says: str
    sql: str
    checks: frozenset[str]


def _edit(says: str, sql: str, *checks: str) -> Edit:
    return Edit(says, sql, frozenset(checks))


EDITS = (
    _edit("another amount", "update payouts set amount_minor = amount_minor + 1 where id = 'pay_bank'",
          "accounts.fold", "payouts.booked", "joins.payouts"),
    _edit("another instrument", "update payouts set instrument = 'bank_9' where id = 'pay_waits'", "accounts.fold"),
    _edit("another card", "update payouts set card_id = 'crd_9' where id = 'pay_waits'", "accounts.fold"),
    _edit("more netted", "update payouts set netted_minor = netted_minor + 1 where id = 'pay_netted'", "accounts.fold"),
    _edit("one more attempt", "update payouts set attempts = attempts + 1 where id = 'pay_tried'",
          "accounts.fold", "payouts.legs"),
    _edit("paid before it was", "update payouts set state = 'SETTLED' where id = 'pay_sent'",
          "payouts.legs", "payouts.booked"),
    _edit("paid without a leg", "update payouts set state = 'SETTLED' where id = 'pay_waits'",
          "payouts.legs", "payouts.booked", "states.accounts"),
    _edit("never paid", "update payouts set state = 'WAITING' where id = 'pay_bank'",
          "payouts.legs", "payouts.booked", "states.accounts"),
    _edit("stopped by hand", "update payouts set state = 'STOPPED' where id = 'pay_waits'", "accounts.fold"),
    _edit("going on after its stop", "update payouts set state = 'WAITING' where id = 'pay_stopped'",
          "accounts.fold", "states.accounts", "joins.payouts"),
    _edit("gone", "delete from payouts where id = 'pay_bank'", "accounts.fold", "payouts.legs", "rails.transit"),
    _edit("made up",
          f"""insert into payouts select 'pay_evil', account_id, order_id, card_id, 1, method, instrument, requested_at,
                                         state, moved_at, 0, attempts, version
              from payouts where id = 'pay_wallet' and account_id = '{ACCOUNT}'""",
          "accounts.fold", "payouts.booked", "joins.payouts"),
    _edit("a leg of another payout", "update legs set payout_id = 'pay_sent' where payout_id = 'pay_bank'",
          "accounts.fold", "payouts.legs"),
    _edit("a leg of none", "update legs set payout_id = '' where payout_id = 'pay_sent'",
          "accounts.fold", "payouts.legs", "provenance.paid"),
    _edit("a leg to another bank account", "update legs set reference = 'bank_9' where payout_id = 'pay_sent'",
          "accounts.fold", "provenance.legs"),
    _edit("a payment that was not posted", "delete from journals where op = 'payout' and order_id = 'rdm_bank'",
          "payouts.booked"),
    _edit("a payment posted twice",
          """insert into journals select root, root_version, no + 1, op, unit, order_id, saga_id, posted_at, accounts,
                                         subs, amounts from journals where op = 'payout' and order_id = 'rdm_wallet'""",
          "payouts.booked", "accounts.fold", "provenance.journals"),
    _edit("a fee that was not charged", "delete from journals where op = 'cancel_fee'",
          "accounts.fold", "provenance.journals"),
    _edit("a claim on somebody else", "update journals set subs[1] = 'acc_9' where op = 'face_clawback'",
          "accounts.fold", "provenance.journals"),
    _edit("a timer gone", "delete from timers where kind = 'payout'", "states.accounts"),
    _edit("a timer of nothing",
          "update timers set key = 'pay_none' where kind = 'payout'", "states.timers", "states.accounts"),
    _edit("a channel that remitted more", "update recycling_channels set received_minor = received_minor + 1",
          "channels.remitted"),
    _edit("a remittance gone", "delete from journals where root = 'KAQUANMAO' and root_version = 1",
          "channels.remitted"),
    _edit("a remittance of another op", "update journals set op = 'repay' where root = 'KAQUANMAO'",
          "channels.remitted"),
    _edit("a remittance untold", "delete from events where aggregate_id = 'KAQUANMAO' and sequence = 1",
          "channels.remitted", "chains.events"),
    _edit("a remittance of another name", "update remittances set id = id || 'x' where number = 1",
          "channels.remitted"),
    _edit("a remittance without its name", "delete from remittances where number = 1", "channels.remitted"),
    _edit("a remittance of another place", "update remittances set number = 7 where number = 2", "channels.remitted"),
    _edit("a remittance that only its event has", "delete from remittances where number = 2", "channels.remitted"),
    _edit("a channel gone", "delete from recycling_channels", "chains.of_credit"),
    _edit("a switch moved by hand", "update payout_switches set paused = not paused", "switches.moved"),
    _edit("moved by another", "update payout_switches set operator_id = 'ops_9'", "switches.moved"),
    _edit("for another reason", "update payout_switches set reason = 'none'", "switches.moved"),
    _edit("at another time", "update payout_switches set changed_at = changed_at + interval '1 day'",
          "switches.moved"),
    _edit("a move forgotten", "update payout_switches set sequence = 2, version = 2", "chains.events"),
    _edit("a move untold", "delete from events where aggregate_id = 'payouts' and sequence = 3", "chains.events"),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.says)
async def test_an_edit_is_found(redeemed: Breakable, edit: Edit) -> None:
    """By each check whose promise it breaks."""
    before = await _verdict(redeemed)

    verdict = await _verdict(redeemed, edit.sql)

    assert not verdict.failed
    assert edit.checks <= verdict.checks, verdict.findings
    assert not edit.checks & before.checks


async def test_a_payout_that_the_card_book_does_not_owe_is_found(redeemed: Breakable) -> None:
    """Of another amount there, or of none."""
    short = {CARD: _owed({**OWED, "pay_bank": 1})}

    verdict = await redeemed.broken(short)

    assert [finding.what for finding in verdict.findings if finding.check == "joins.payouts"] == [
        "payout pay_bank SETTLED"
    ]


async def test_what_the_card_book_owes_is_read_once_however_many_payouts_there_are(redeemed: Breakable) -> None:
    """What is put beside a book has no index: looked up page by page, it would be read whole for each page."""
    many = f"""insert into payouts select 'pay_' || no, account_id, order_id, card_id, 1, method, instrument,
                                          requested_at, state, moved_at, 0, attempts, version
               from payouts, generate_series(1, 2500) no where id = 'pay_wallet' and account_id = '{ACCOUNT}'"""
    card: Any = Listening(redeemed.world[CARD])  # passes everything on
    async with taken_back(redeemed.world[CREDIT]):
        await redeemed.world[CREDIT].execute(many)
        found = await payouts(replace(redeemed.world, connections={**redeemed.world.connections, CARD: card}))

    assert len(found) > 2500
    assert sum("audit_balances" in sql for sql in card.heard) == 1
