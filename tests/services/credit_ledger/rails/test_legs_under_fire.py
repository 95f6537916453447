"""Bank-card refunds end to end: a real ledger on PostgreSQL, the real rail, a sandbox bank that misbehaves (F37)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from services.credit_ledger.domain.legs.steps import LEG_TIMER
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.credit_ledger.rails import Perform, performing
from services.credit_ledger.rails.bank_card import BankCardRail
from services.kernel.messages import Message, TimerDue
from services.runtime.stored import timers
from settle.local.acquirer.faults import Faults
from settlement.saga.v1 import saga_pb2
from tests.clocks import StillClock
from tests.services.credit_ledger.ledger import PARTITIONS, Ledger
from tests.settle.local.acquirer.sandbox import sandbox

SECONDS_MAX = 0.2
LEGS = 30
TERMS = CreditTerms(instalment_count=1, fee_ppm=0)
ROUNDS_MAX = 60


async def _refunded(ledger: Ledger, no: int, reference: str = "") -> list[object]:
    """An account whose order was paid by bank card: every other one is cancelled, the others shipped and refunded.
    Answers the calls to the bank that this causes."""
    account, order, paid = f"acc_{no}", f"ord_{no}", Tenders(0, 0, 5_000 + no)
    await ledger.ask(account, commands.OpenAccount(account, f"cus_{no}", 0))
    body = commands.AuthorizeTenders(
        account_id=account, order_id=order, customer_id=f"cus_{no}", merchant_id="mer_1", tenders=paid, terms=TERMS,
        payment_reference=reference or f"pay_{no}",
    )
    assert (await ledger.command(body)).verdict == saga_pb2.VERDICT_DONE
    if no % 2:
        reply = await ledger.command(commands.ReleaseTenders(account, order, "mer_1", paid))
    else:
        await ledger.command(commands.CaptureTenders(account, order, "mer_1", paid))
        reply = await ledger.command(commands.RefundTenders(account, order, "mer_1", f"rfd_{no}", paid))
    assert reply.verdict == saga_pb2.VERDICT_DONE
    return list(ledger.effects.actions)


async def _report(ledger: Ledger, act: Perform, actions: Sequence[object], times: int = 1) -> None:
    """Perform actions, several at once as the runtime does, and feed the reports back, each that many `times`."""
    for report in await asyncio.gather(*(act(action) for action in actions)):
        assert report is not None
        for _ in range(times):
            await ledger.run(replace(report, fresh_id=""))


async def _due(ledger: Ledger) -> list[Message]:
    """Move the clock on to the next timer, and take what is due then."""
    due_at = await ledger.connection.fetchval("select min(due_at) from timers where kind = $1", LEG_TIMER)
    if due_at is None:
        return []
    ledger.now = max(ledger.now, due_at + timedelta(milliseconds=1))
    found = await timers.find_due(ledger.connection, range(PARTITIONS), StillClock(ledger.now), 1_000, sagas=False)
    return [message for message in found if isinstance(message.body, TimerDue) and message.body.kind == LEG_TIMER]


async def _settle(ledger: Ledger, act: Perform, actions: Sequence[object], times: int = 1) -> None:
    for _ in range(ROUNDS_MAX):
        await _report(ledger, act, actions, times)
        due = await _due(ledger)
        if not due:
            return
        actions = (await ledger.run(*due)).effects.actions
    raise AssertionError("legs are still open")


async def _sums(ledger: Ledger) -> dict[str, int]:
    rows = await ledger.connection.fetch("select account, sum(amount_minor)::bigint from entries group by account")
    return dict(map(tuple, rows))


async def test_a_bank_that_misbehaves_pays_every_leg_once(ledger: Ledger, tmp_path: Path) -> None:
    """30 % time out although done, others although not, later, or
    find nobody; each report is delivered twice (double callback).

    Afterwards the bank has paid each leg exactly once, P7 is posted once per leg, and nothing is in transit.
    """
    faults = Faults(
        timeout_done_ppm=300_000, timeout_undone_ppm=100_000, unavailable_ppm=50_000, late_done_ppm=100_000, seed=11,
    )
    actions = [action for no in range(LEGS) for action in await _refunded(ledger, no)]
    async with sandbox(tmp_path / "bank.sqlite", faults) as bank:
        await _settle(ledger, performing({Rail.CARD: BankCardRail(bank.target, SECONDS_MAX)}), actions, times=2)
        paid = {refund.key: refund.amount_minor for refund in bank.ledger.list("", "", 1_000)}

    legs = await ledger.connection.fetch("select id, amount_minor, state from legs")
    posted = await ledger.connection.fetchval("select count(*) from journals where op = 'card_refund_settled'")
    sums = await _sums(ledger)
    assert {leg["id"]: leg["amount_minor"] for leg in legs} == paid
    assert sorted(paid.values()) == [5_000 + no for no in range(LEGS)]
    assert {leg["state"] for leg in legs} == {"SETTLED"}
    assert posted == LEGS
    assert (sums["L.REFUND.TRANSIT.CARD"], sums["A.CH.CARD"], sums["L.DEPOSIT"], sums["L.MERCH.PAY"]) == (0, 0, 0, 0)


async def test_a_closed_instrument_falls_back_to_the_wallet(ledger: Ledger, tmp_path: Path) -> None:
    """An event and a posting of its own, never a silent rerouting; the bank keeps the money of the payment (PM-3)."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        actions = await _refunded(ledger, 0, "closed_1")
        await _settle(ledger, performing({Rail.CARD: BankCardRail(bank.target, 5.0)}), actions, times=2)

    row = await ledger.connection.fetchrow("select wallet_minor from credit_accounts where id = 'acc_0'")
    told = await ledger.connection.fetchval("select count(*) from events where type like '%.LegRerouted'")
    sums = await _sums(ledger)
    assert row is not None
    assert (row["wallet_minor"], told) == (5_000, 1)
    assert (sums["L.REFUND.TRANSIT.CARD"], sums["L.CUST.WALLET"], sums["A.CH.CARD"]) == (0, -5_000, 5_000)
