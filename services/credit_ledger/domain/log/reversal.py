"""Undoing a refund (P24): the log since it is replayed without it, and the difference is posted.

If the account has not moved since, the difference is the exact negation of what
the refund posted. Issued statements stay as they are (SC-2), late fees are not
charged for the time between (FE-5), and money that left the house stays gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.credit_ledger.domain.core.outcome import applied
from services.credit_ledger.domain.core.position import Applied, Apply, Position
from services.credit_ledger.domain.legs.ends import recalled
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.log import replay
from services.credit_ledger.domain.log.reading import back_to
from services.credit_ledger.domain.log.replay import Sums, World
from services.credit_ledger.domain.log.restoring import in_front_of
from services.credit_ledger.domain.merchants import shares
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.commands import RefundTenders, ReverseRefund
from services.credit_ledger.domain.model.events import RefundReversed
from services.credit_ledger.domain.model.leg import LegEnd, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.statements.cut import CUT_TIMER, cut_timer, up_to_now
from services.kernel.decision import Missing
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Journal, Unit, post

OP = "refund_reverse"


def reverse(position: Position, body: ReverseRefund, apply: Mapping[type, Apply]) -> Applied:
    """Undo an accepted refund of this book, whatever happened
    on the account since; the log since then is replayed by these rules."""
    since = back_to(position, body.refund_id)
    log = replay.effective(since)
    refund, payable = _accepted(position, log, body)
    start = in_front_of(position, since)
    actual = replay.fold(log, apply, start=start)
    if not replay.same_books(actual, position.account):
        raise FailedPrecondition("REPLAY_DIVERGED", f"the log of {position.account.id} does not give its books")
    world = replay.fold(log, apply, lambda operation: operation.reference != body.refund_id, start)
    _affordable(world.account)
    before = position.agreement(body.order_id)
    position, lines = _merchant_gets_back(position, before, refund, payable)
    position, taken_back = _recall(position, refund)
    position = _as_in(position, world, actual.account, body.refund_id).plus(
        journals=_journals(_difference(world.posted, actual.posted), lines + taken_back, body.order_id),
        event=RefundReversed(position.account.id, body.order_id, body.refund_id),
    )
    position = up_to_now(position)
    return applied(
        position, position.agreement(body.order_id), OP, refund.tenders, before=before, refund_id=body.refund_id,
        refund_state=RefundState.REVERSED,
    )


def _accepted(position: Position, log: list[Operation], body: ReverseRefund) -> tuple[RefundTenders, int]:
    """The refund as it was accepted, and what of it came off the merchant's payable. One that waits
    for the network, or that paid something out, cannot be undone."""
    own = [operation for operation in log if operation.reference == body.refund_id]
    found = [
        (operation.body, operation.facts.merchant_payable_minor) for operation in own
        if isinstance(operation.body, RefundTenders) and operation.order_id == body.order_id
    ]
    if not found:
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.order_id} has no refund {body.refund_id} to reverse")
    waiting = position.find(CreditRefund, body.refund_id)
    if waiting is not None and waiting.open:
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.refund_id} waits for the network")
    if any(operation.facts.paid_out for operation in own):
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.refund_id} paid out to the repayment instruments")
    return found[0]


def _affordable(account: CreditAccount) -> None:
    """A reversal takes limit and wallet money back; where they were used since then, they have to be made up first."""
    if account.available_minor < 0:
        detail = f"{-account.available_minor} of the limit was used since the refund"
        raise FailedPrecondition("INSUFFICIENT_LIMIT", detail)
    if account.wallet_minor < 0:
        detail = f"{-account.wallet_minor} of the wallet was spent since the refund"
        raise FailedPrecondition("INSUFFICIENT_WALLET", detail)


def _merchant_gets_back(
    position: Position, agreement: Agreement, refund: RefundTenders, payable: int
) -> tuple[Position, Lines]:
    """What the merchant gave back returns, in this book and over X.CLEARING in that of card_redemption."""
    total, gift = refund.tenders.total_minor, refund.uncovered_gift_minor
    share, lines = shares.give_back(shares.share_of(position, agreement.merchant_id), total - payable + gift, payable)
    return position.plus(share), (*lines, (books.CLEARING, position.saga_id, gift))


def _recall(position: Position, refund: RefundTenders) -> tuple[Position, Lines]:
    """The bank card's leg is taken back; what the customer has of it, from the acquirer or by hand, the customer owes.
    What is in the wallet the replay takes."""
    bank = refund.tenders.bank_minor
    leg = position.find(RefundLeg, leg_id(refund.refund_id)) if bank else None
    if leg is None:
        return position, ()
    had = leg.counted_minor if leg.in_transit or leg.end is LegEnd.REROUTED else bank
    account = replace(position.account, receivable_minor=position.account.receivable_minor + had)
    on_way = leg.sent_minor if leg.in_transit else 0
    return recalled(position, leg).plus(account=account), (
        (books.TRANSIT_CARD, "", on_way), (books.CUSTOMER_RECEIVABLE, account.id, had),
    )


def _difference(without: Sums, actual: Sums) -> Sums:
    """What the replay posted more or less, but for the merchant, the bank card and the other book, which are settled by
    today's state."""
    skipped = (books.MERCHANT_PAYABLE, books.MERCHANT_RECEIVABLE, books.TRANSIT_CARD, books.CLEARING)
    difference = Sums(without)
    difference.subtract(actual)
    return Sums({key: amount for key, amount in difference.items() if key[1] not in skipped})


def _journals(difference: Sums, lines: Lines, order_id: str) -> tuple[Journal, ...]:
    by_unit: dict[Unit, Lines] = {Unit.CNY: lines, Unit.LIMIT: ()}
    for (unit, account, sub), amount in sorted(difference.items()):
        by_unit[unit] += ((account, sub, amount),)
    return tuple(journal for unit, found in by_unit.items() for journal in post(OP, unit, found, order_id))


def _as_in(position: Position, world: World, actual: CreditAccount, refund_id: str) -> Position:
    """The position with every row as the replay left it; documents that were issued stay."""
    _loaded(position, world)
    rows: list[Any] = [kind[key] for kind in (world.agreements, world.repayments) for key in sorted(kind)]
    changed = [row for row in rows if not _same(row, position.find(type(row), row.key))]
    issued = _late(position, world.statements.values())
    waited = position.find(CreditRefund, refund_id)
    dropped = () if waited is None else (replace(waited, state=RefundState.REVERSED),)
    account = _account(position.account, world.account, actual)
    timers = () if account.next_cut_at is None else (cut_timer(account.id, account.next_cut_at),)
    cleared = () if timers else ((CUT_TIMER, account.id),)
    return position.plus(*changed, *issued, *dropped, account=account, timers=timers, cleared=cleared)


def _late(position: Position, statements: Iterable[Statement]) -> list[Statement]:
    """The statements that nobody saw need of while the refund stood: issued now, without adjustments of their own. Each
    has an empty period, in front of the next statement's."""
    begins, late = position.account.stated_operations + 1, []
    for statement in sorted(statements, key=lambda row: row.bill_date, reverse=True):
        issued = position.find(Statement, statement.key)
        if issued is not None:
            begins = issued.first_operation
        else:
            late.append(replace(
                statement, issued_at=position.at, first_operation=begins, last_operation=begins - 1
            ))
    return late


def _account(now: CreditAccount, then: CreditAccount, actual: CreditAccount) -> CreditAccount:
    """The stored account with the figures of the replay; what the customer owes for other reasons stays on top."""
    return replace(
        now, granted_minor=then.granted_minor, held_minor=then.held_minor, used_minor=then.used_minor,
        wallet_minor=then.wallet_minor, credit_balance_minor=then.credit_balance_minor,
        receivable_minor=now.receivable_minor + then.receivable_minor - actual.receivable_minor,
        next_cut_at=then.next_cut_at, last_bill_date=then.last_bill_date,
    )


def _loaded(position: Position, world: World) -> None:
    """Ask for every row of the replay at once."""
    wanted: list[tuple[type, str]] = [
        (type(row), row.key)
        for kind in (world.agreements, world.repayments, world.statements) for row in kind.values()
    ]
    missing = [
        (kind, key) for kind, key in wanted
        if not position.known.has(kind, key) and (kind, key) not in position.rows
    ]
    if missing:
        raise Missing(rows=missing)


def _same(row: Any, stored: Any) -> bool:  # rows of one kind
    return stored is not None and replace(row, version=stored.version) == stored
