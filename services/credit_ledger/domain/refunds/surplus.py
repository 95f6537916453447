"""Where the surplus of a refund goes (RA-5): own charges, other billed dues, deferrals ahead, and the rest by policy.

KEEP puts the rest into the credit balance; LIFO gives it back to the repayment instruments, the latest first (RA-6).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.dues.spending import lines_of, spend, spend_on_charges
from services.credit_ledger.domain.legs.life import launched
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.effects import GivenBack, Step, Use
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.operation import PaidOut
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.terms import SurplusPolicy

OWN_CHARGES, BILLED, AHEAD, REST, GIVE_BACK = "RA-5(1)", "RA-5(2)", "RA-5(3)", "RA-5(4)", "RA-6"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The position with the surplus spent, and where it went. `short_minor` is what a replay finds paid out above the
    surplus that is there now: the customer owes it."""

    position: Position
    uses: tuple[Use, ...] = ()
    given_back: tuple[GivenBack, ...] = ()
    paid_out: tuple[PaidOut, ...] = ()
    balance_minor: int = 0
    short_minor: int = 0
    principal_minor: int = 0
    lines: Lines = ()
    steps: tuple[Step, ...] = ()


def spend_surplus(position: Position, agreement: Agreement, surplus: int, refund_id: str) -> Waterfall:
    """Spend the surplus of a refund of this agreement, which is as the refund left it. Loads the account's other open
    agreements, and under LIFO its repayments, only if there is something to spend."""
    if not surplus and not (position.facts and position.facts.paid_out):
        return Waterfall(position.plus(agreement))
    own = spend_on_charges(agreement, surplus, OWN_CHARGES)
    position = position.plus(*(own.agreements or (agreement,)))
    spent = spend(position.family(Agreement), own.rest_minor, BILLED, AHEAD)
    uses = own.uses + spent.uses
    position = position.plus(*spent.agreements)
    paid_out = _give_back(position, spent.rest_minor)
    position, legs = _paid_out(position, paid_out, refund_id)
    returned = sum(back.amount_minor for back in legs)
    balance, short = max(0, spent.rest_minor - returned), max(0, returned - spent.rest_minor)
    owner = position.account.id
    lines = (
        *lines_of(uses, owner), *((books.TRANSIT_PAYOUT, back.instrument, -back.amount_minor) for back in legs),
        (books.CREDIT_BALANCE, owner, -balance),
        (books.CUSTOMER_RECEIVABLE, owner, short),
    )
    return Waterfall(
        position=position, uses=uses, given_back=legs, paid_out=paid_out, balance_minor=balance,
        short_minor=short, principal_minor=spent.principal_minor, lines=lines,
        steps=_steps(surplus, uses, paid_out, spent.rest_minor, balance),
    )


def _give_back(position: Position, rest: int) -> tuple[PaidOut, ...]:
    """What goes back to which repayment; a replay repeats what was paid."""
    return given_back(position, rest) if position.facts is None else position.facts.paid_out


def given_back(position: Position, rest: int) -> tuple[PaidOut, ...]:
    """What of the rest of a surplus goes back to which repayment, the latest first, each up to what is left of it;
    nothing where the account keeps it."""
    if not rest or position.account.surplus_policy is SurplusPolicy.KEEP:
        return ()
    paid_out = []
    for repayment in sorted(position.family(Repayment), key=lambda row: row.number, reverse=True):
        part = min(rest, repayment.amount_minor - repayment.given_back_minor)
        if part:
            paid_out.append(PaidOut(repayment.id, repayment.instrument, part))
            rest -= part
    return tuple(paid_out)


def _paid_out(
    position: Position, paid_out: Iterable[PaidOut], refund_id: str
) -> tuple[Position, tuple[GivenBack, ...]]:
    """The position with these amounts noted on their repayments and their legs on the way."""
    given_back = []
    for fact in paid_out:
        repayment = position.find(Repayment, fact.repayment_id)
        if repayment is not None:
            given_back_minor = repayment.given_back_minor + fact.amount_minor
            position = position.plus(replace(repayment, given_back_minor=given_back_minor))
        identity = leg_id(f"{refund_id}/{fact.repayment_id}")
        position = launched(
            position, identity, rail=Rail.PAYOUT, reference=fact.instrument, amount_minor=fact.amount_minor,
            refund_id=refund_id,
        )
        given_back.append(GivenBack(fact.instrument, fact.amount_minor, identity))
    return position, tuple(given_back)


def _steps(
    surplus: int, uses: tuple[Use, ...], paid_out: tuple[PaidOut, ...], rest: int, balance: int
) -> tuple[Step, ...]:
    """The chain of the surplus: each rule with what it was offered and what it took."""
    steps, offered = [], surplus
    for rule in (OWN_CHARGES, BILLED, AHEAD):
        taken = [(use.no, use.amount_minor) for use in uses if use.rule == rule]
        if taken:
            numbers, amounts = zip(*taken, strict=True)
            steps.append(_in_order(rule, offered, sum(amounts), numbers, amounts))
            offered -= sum(amounts)
    if paid_out:
        amounts = tuple(fact.amount_minor for fact in paid_out)
        numbers = tuple(range(1, len(amounts) + 1))
        steps.append(_in_order(GIVE_BACK, rest, rest - balance, numbers, amounts))
    if balance:
        steps.append(Step(REST, "rest", balance, (rest, rest - balance)))
    return tuple(steps)


def _in_order(rule: str, offered: int, taken: int, numbers: tuple[int, ...], amounts: tuple[int, ...]) -> Step:
    """What was offered, taken one after another: each takes what it weighs."""
    return Step(
        rule=rule, formula="in_order", amount_minor=taken, inputs=(offered,), numbers=numbers, weights=amounts,
        amounts=amounts,
    )
