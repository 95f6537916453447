"""The daily comparison over a real ledger, its database and the sandbox bank: bounded pages, and an answer for each
(PM-7)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from services.credit_ledger.decisions import standing
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.reconciliation import (
    ACQUIRER,
    CompareRail,
    DifferenceKind,
    StartReconciliation,
)
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.credit_ledger.rails import Perform, performing
from services.credit_ledger.rails.bank_card import BankCardRail
from services.credit_ledger.rails.comparing import PAGE, comparing
from services.credit_ledger.store import reconciliations
from services.credit_ledger.store.accounts import load_accounts
from services.kernel.messages import Message
from services.runtime.ground.settings import Settings
from services.runtime.stored import timers
from settlement.credit_ledger.v1 import reconciliation_service_pb2 as pb
from tests.services.credit_ledger.desk import Desk
from tests.services.credit_ledger.ledger import PARTITIONS, Ledger
from tests.services.reading import reading
from tests.settle.local.acquirer.sandbox import Sandbox, sandbox

ACCOUNT, PAID = "acc_1", Tenders(0, 0, 5_000)


async def refunded(ledger: Ledger, orders: Sequence[str]) -> list[object]:
    """Orders that bank cards paid, refunded; answers the calls to the bank that this causes."""
    await ledger.ask(ACCOUNT, commands.OpenAccount(ACCOUNT, "cus_1", 0))
    actions: list[object] = []
    for order in orders:
        terms = CreditTerms(instalment_count=1, fee_ppm=0)
        await ledger.command(
            commands.AuthorizeTenders(ACCOUNT, order, "cus_1", "mer_1", PAID, terms, f"pay_{order}")
        )
        await ledger.command(commands.CaptureTenders(ACCOUNT, order, "mer_1", PAID))
        await ledger.command(commands.RefundTenders(ACCOUNT, order, "mer_1", f"rfd_{order}", PAID))
        actions += ledger.effects.actions
    return actions


def acting(bank: Sandbox, dsn: str, size: int = PAGE) -> Perform:
    """What a process does with the actions of the credit ledger."""
    rail = BankCardRail(bank.target, 5.0)
    pay, compare = performing({Rail.CARD: rail, Rail.PAYOUT: rail}), comparing(rail, reading(dsn), size)

    async def act(action: object) -> Message | None:
        return await (compare(action) if isinstance(action, CompareRail) else pay(action))

    return act


async def perform(ledger: Ledger, act: Perform, actions: Sequence[object]) -> int:
    """Perform actions and what comes of their reports; answers how many pages were compared."""
    todo, pages = list(actions), 0
    while todo:
        action = todo.pop(0)
        pages += isinstance(action, CompareRail)
        report = await act(action)
        if report is not None:
            todo += (await ledger.run(replace(report, fresh_id=""))).effects.actions
    return pages


async def reconciled(ledger: Ledger, act: Perform) -> int:
    """A whole comparison, started by hand."""
    await ledger.ask(ACQUIRER, StartReconciliation(ACQUIRER))
    return await perform(ledger, act, list(ledger.effects.actions))


async def differences(ledger: Ledger) -> list[DifferenceKind]:
    """What is open."""
    found = await reconciliations.list_differences(ledger.connection, False, "", 100)
    return [row.difference.kind for row in found]


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An acquirer that confirms at once."""
    async with sandbox(tmp_path / "bank.sqlite") as found:
        yield found


async def test_books_that_agree_have_no_difference(ledger: Ledger, database: Settings, bank: Sandbox) -> None:
    """Pages of two over seven refunds: each is compared once, and the run ends."""
    act = acting(bank, database.dsn, size=2)
    await perform(ledger, act, await refunded(ledger, [f"ord_{n}" for n in range(7)]))

    pages = await reconciled(ledger, act)

    row = await reconciliations.find_reconciliation(ledger.connection, ACQUIRER)
    assert row is not None
    assert (row.state, row.compared, row.found) == ("IDLE", 7, 0)
    assert 4 <= pages <= 9


async def test_a_payment_that_came_back_is_booked_back(ledger: Ledger, database: Settings, bank: Sandbox) -> None:
    """Nobody asks about a settled leg: the list tells of the bounce, and the next night finds both in agreement."""
    act = acting(bank, database.dsn)
    await perform(ledger, act, await refunded(ledger, ["ord_1", "ord_2"]))
    (key, _) = [row.key for row in bank.ledger.list("", "", 10)]
    bank.ledger.bounce(key)

    await reconciled(ledger, act)
    first = await differences(ledger)
    await ledger.pass_time(seconds=1)
    await reconciled(ledger, act)

    (account,) = await load_accounts(ledger.connection, [ACCOUNT])
    assert (first, await differences(ledger)) == ([DifferenceKind.BOOKED_NOT_PAID], [])
    assert account.wallet_minor == 5_000
    facts = await ledger.connection.fetch("select type from events where aggregate_id = $1", ACQUIRER)
    assert [fact["type"].rpartition(".")[2] for fact in facts] == ["RailDifferenceFound", "RailDifferenceResolved"]


async def test_what_was_forgotten_is_asked_about(ledger: Ledger, database: Settings, bank: Sandbox) -> None:
    """A leg that an earlier release recalled has no timer: the list finds what the bank paid of it, and it is owed."""
    act = acting(bank, database.dsn)
    await perform(ledger, act, await refunded(ledger, ["ord_1"]))
    await ledger.connection.execute("update legs set state = 'RECALLED', word = '', reversed = false")

    await reconciled(ledger, act)

    (account,) = await load_accounts(ledger.connection, [ACCOUNT])
    assert account.receivable_minor == 5_000
    assert await differences(ledger) == []


async def test_a_strange_payment_is_an_open_exception_with_an_age(
    ledger: Ledger, database: Settings, bank: Sandbox
) -> None:
    """It stays open, night after night, until the rail does not list it any more or it is a leg's."""
    act = acting(bank, database.dsn)
    bank.ledger.refund("leg_strange", "pay_x", 700, "CONFIRMED")
    await reconciled(ledger, act)
    await ledger.pass_time(days=2)
    await reconciled(ledger, act)
    desk = Desk(ledger)

    shown = await desk.reconciliation.ListDifferences(pb.ListDifferencesRequest(), desk.context)
    told = await desk.reconciliation.GetReconciliation(pb.GetReconciliationRequest(), desk.context)

    (difference,) = shown.differences
    assert (difference.leg_id, difference.kind, difference.rail_minor) == (
        "leg_strange", pb.DIFFERENCE_KIND_UNKNOWN_LEG, 700,
    )
    assert difference.age.seconds == 2 * 86_400
    assert (told.reconciliation.run, told.reconciliation.open_differences) == (2, 1)


async def test_the_first_night_comes_by_itself(ledger: Ledger, database: Settings, bank: Sandbox) -> None:
    """The standing timer is set once, however often the process starts; it starts the comparison and sets the next."""
    for _ in range(2):
        await timers.ensure(ledger.connection, standing(ledger.now), PARTITIONS)

    await ledger.pass_time(days=1)

    assert [type(action) for action in ledger.effects.actions] == [CompareRail]
    await perform(ledger, acting(bank, database.dsn), list(ledger.effects.actions))
    assert await ledger.connection.fetchval("select count(*) from timers where kind = 'reconcile'") == 1
    assert await ledger.connection.fetchval("select state from reconciliations") == "IDLE"


async def test_an_acquirer_that_does_not_answer_is_asked_again(ledger: Ledger, database: Settings) -> None:
    """The action fails, nothing is reported, and the timer goes on where it stood."""
    act = comparing(BankCardRail("127.0.0.1:1", 0.2), reading(database.dsn))
    await ledger.ask(ACQUIRER, StartReconciliation(ACQUIRER))
    (action,) = ledger.effects.actions
    assert isinstance(action, CompareRail)

    with pytest.raises(grpc.aio.AioRpcError):
        await act(action)
    await ledger.pass_time(minutes=10)

    assert ledger.effects.actions == [action]
