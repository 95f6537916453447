"""Random lives of a credit account, decided in memory by the real rules and written by the real SQL.

A life is made of its seed alone: what a test finds in one can be looked at again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from services.credit_ledger.domain.adjustments.manual import COMPANY, CUSTOMER
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.leg import LegState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, Strategy, SurplusPolicy
from services.credit_ledger.store import TABLES
from services.kernel.calendar import business_date
from services.kernel.effects import Arrived, Effects, PostedJournal
from services.kernel.notices import Notice
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.stored.journals import save_journals
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.history import History
from tests.services.credit_ledger.domain.rail_of_its_own import RailAndBook

STEPS = 40
DAYS = ((5, 15), (31, 10), (28, 28), (29, 31))
PAUSES = (
    timedelta(seconds=1), timedelta(minutes=10), timedelta(hours=23), timedelta(days=1), timedelta(days=7),
    timedelta(days=30), timedelta(days=31), timedelta(days=61),
)
CONFIRMED_AFTER = timedelta(days=40)
TABLE_NAMES = (
    "credit_accounts", "merchant_shares", "payment_references", "agreements", "operations", "statements", "repayments",
    "credit_refunds", "adjustments", "legs", "journals",
)


@dataclass
class BookOnRecord(BookInMemory):
    """A book that keeps each journal with its place."""

    posted: list[PostedJournal] = field(default_factory=list)

    def _keep(self, effects: Effects[Arrived]) -> None:
        super()._keep(effects)
        self.posted += effects.journals


async def store(connection: Connection, book: BookOnRecord) -> None:
    """Write the book into the tables of a database, and nothing else into them."""
    await connection.execute("set session_replication_role = replica")
    await connection.execute(f"truncate {', '.join(TABLE_NAMES)}")
    for table in TABLES:
        rows = [row for (kind, _), row in sorted(book.rows.items(), key=lambda item: item[0][1]) if kind is table.kind]
        if rows and table.kind is not Notice:
            await write(connection, *table.save(rows, {}))
    await write(connection, save_journals(book.posted))
    await connection.execute("set session_replication_role = default")


def life(seed: int, policy: SurplusPolicy | None = None) -> BookOnRecord:
    """What customers, merchants, networks and operators do with one account, in an order of its own."""
    dice, book = Random(seed), BookOnRecord()
    days = dice.choice(DAYS)
    history = History(policy or dice.choice(list(SurplusPolicy)), *days, book)
    _place(history, dice)
    for _ in range(STEPS):
        dice.choice(_ACTS)(history, dice)
    return book


def life_of_legs(seed: int) -> BookOnRecord:
    """What rails, people and the card holder's bank do with the refunds of one account."""
    dice, book = Random(seed), BookOnRecord()
    rail = RailAndBook(book)
    rail.buy(dice.choice((1, 999, 6_000)))
    rail.buy(6_000)
    rail.history.refund(rail.history.shipped()[0], 4)
    for _ in range(STEPS):
        dice.choice(_ACTS_OF_RAILS)(rail, dice)
    return book


def _place(history: History, dice: Random) -> None:
    terms = CreditTerms(
        plan=dice.choice(list(PlanKind)), instalment_count=dice.choice((1, 3, 12)), fee_ppm=dice.choice((0, 5500)),
        defer_months=dice.choice((1, 2)), flat_fee_minor=dice.choice((0, 600)), term_days=dice.choice((1, 30)),
        free_days=dice.choice((-1, 7, 60)), strategy=dice.choice(list(Strategy)),
        route=dice.choice((Route.DIRECT, Route.DIRECT, Route.FLASH)),
    )
    tenders = Tenders(
        dice.choice((0, 999, 10_000, 20_011)), dice.choice((0, 777)), dice.choice((0, 1234)), dice.choice((0, 5))
    )
    history.place(tenders if any(tenders) else Tenders(1), terms)


def _ship(history: History, dice: Random) -> None:
    if held := history.held():
        phases = dice.choice((0, 0, 1, 2))
        history.ship(dice.choice(held), dice.choice((2, 4, 4)), phases)
        _later(history, phases)


def _release(history: History, dice: Random) -> None:
    if held := history.held():
        phases = dice.choice((0, 1, 2))
        history.release(dice.choice(held), dice.choice((1, 4)), phases)
        _later(history, phases)


def _refund(history: History, dice: Random) -> None:
    if shipped := history.shipped():
        phases = dice.choice((0, 0, 1, 2))
        history.refund(dice.choice(shipped), dice.choice((1, 2, 4)), phases)
        _later(history, phases)


def _later(history: History, phases: int) -> None:
    """Its CONFIRM comes so much later, and nothing else before it."""
    if phases == 1:
        history.wait(CONFIRMED_AFTER, timers=False)


def _reverse(history: History, dice: Random) -> None:
    if history.posted:
        history.reverse(dice.choice(sorted(history.posted)))


def _network(history: History, dice: Random) -> None:
    if waiting := history.waiting():
        order_id, evidence = dice.choice(waiting).order_id, ("order page", "bill page")
        by_hand = commands.AdjustRefund(ACCOUNT, order_id, "maker", "checker", evidence, "late")
        history.plain(dice.choice((by_hand, commands.ConfirmFlashRefund(ACCOUNT, order_id))))


def _chore(history: History, dice: Random) -> None:
    today, orders = business_date(history.at), history.agreements()
    history.plain(dice.choice((
        commands.Repay(ACCOUNT, dice.choice((1, 300, 5_000, 21_000)), dice.choice(("CARD_A", "CARD_B"))),
        commands.PayOutCreditBalance(ACCOUNT, dice.choice((1, 700))), commands.WaiveLateFees(ACCOUNT, "asked"),
        commands.AccrueLateFees(ACCOUNT, today), commands.ChargeOff(ACCOUNT, dice.choice(orders).order_id, "gone"),
        commands.GrantLimit(ACCOUNT, dice.choice((100_000, 150_000))), commands.FundWallet(ACCOUNT, 500),
        commands.CutStatement(ACCOUNT, today.replace(day=5)),
    )))


def _adjust(history: History, dice: Random) -> None:
    order, amount = dice.choice(history.agreements()), dice.choice((-700, 700))
    history.adjust(order, dice.choice(CUSTOMER), dice.choice(COMPANY), amount)


def _report(history: History, dice: Random) -> None:
    history.report_legs(dice.choice(list(commands.LegReport)))


def _wait(history: History, dice: Random) -> None:
    history.wait(dice.choice(PAUSES), timers=dice.choice((True, True, False)))


def _settle_merchant(history: History, dice: Random) -> None:
    history.settle_merchant()


_ACTS: tuple[Callable[[History, Random], None], ...] = (
    _place, _place, _ship, _ship, _ship, _release, _refund, _refund, _reverse, _network, _chore, _chore, _adjust,
    _report, _wait, _wait, _wait, _settle_merchant,
)


def _of_history(act: Callable[[History, Random], None]) -> Callable[[RailAndBook, Random], None]:
    return lambda rail, dice: act(rail.history, dice)


def _says(rail: RailAndBook, dice: Random) -> None:
    if sent := rail.sent():
        leg = dice.choice(sent)
        dice.choice((rail.pays, rail.pays, rail.refuses))(leg)
        rail.tells(leg, closed=dice.choice((True, False)))


def _by_hand(rail: RailAndBook, dice: Random) -> None:
    if waiting := [leg for leg in rail.history.legs() if leg.state is LegState.EXCEPTION]:
        leg = dice.choice(waiting)
        if dice.choice((True, False)):
            rail.by_hand(leg)
        else:
            rail.history.plain(commands.RetryLeg(ACCOUNT, leg.id, "operator", "again"))


def _charge_back(rail: RailAndBook, dice: Random) -> None:
    if legs := rail.history.legs():
        rail.charge_back(dice.choice(legs))


def _pay_back(rail: RailAndBook, dice: Random) -> None:
    rail.pay_back(dice.choice((1, 500)))


_ACTS_OF_RAILS: tuple[Callable[[RailAndBook, Random], None], ...] = (
    _says, _says, _says, _by_hand, _pay_back, _of_history(_refund), _of_history(_refund), _of_history(_reverse),
    _of_history(_wait), _of_history(_release), _charge_back,
)
