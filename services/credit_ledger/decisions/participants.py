"""Commands of sagas: TRY, CONFIRM, CANCEL or EXECUTE of an input on an account."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.credit_ledger.decisions.accounts import account_of, opened
from services.credit_ledger.domain.accounts.life import open_account, unopened
from services.credit_ledger.domain.core.input import Input
from services.credit_ledger.domain.core.position import Applied, Position, closed
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import OpenAccount
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.kernel.decision import Decision, Done, Known, Rule, rule
from services.kernel.ids import money_account
from services.kernel.messages import Message, Op
from services.kernel.participant import refusable, take_part


def participant(row: Input) -> Rule:
    """The rule of an input that a saga commands."""

    def decide(known: Known, body: Any, message: Message, now: datetime) -> Decision:  # Any: of the type `row.body`
        saga_id, op = (message.saga.saga_id, message.saga.op) if message.saga else ("", None)

        def execute(account: CreditAccount, at: datetime) -> Decision:
            return closed(row.apply(opened(known, account, at, saga_id), body), body, refusable(message))

        if row.opens and op in (Op.TRY, Op.EXECUTE) and known.find(CreditAccount, message.key) is None:
            start = _opening(known, message.key, body.customer_id, now, saga_id)
            if op is Op.TRY:
                return _with_claim(closed(Applied(start, None, logged=False), body), message, now, execute)
            return take_part(
                start.before, message, now, lambda account, at: closed(row.apply(start, body), body, refusable(message))
            )
        decision = take_part(account_of(known, message.key), message, now, execute)
        claim = row.claims(body) if op in (Op.TRY, Op.CANCEL) and isinstance(decision.outcome, Done) else None
        return decision if claim is None else _claimed(known, decision, claim, op)

    return rule(row.body, lambda body, message: row.wants(body), decide)


def _opening(known: Known, account_id: str, customer_id: str, now: datetime, saga_id: str) -> Position:
    """The position of a money account that is opened for a customer without another, with the first posting (OP-6); any
    other id is nobody's."""
    if account_id != money_account(customer_id):
        account_of(known, account_id)
    body = OpenAccount(account_id, customer_id)
    account = unopened(body, now)
    position = Position(known, now, account, account, account, saga_id=saga_id)
    return open_account(position, body).position.log(body, now)


def _with_claim(
    opening: Decision, message: Message, now: datetime, execute: Callable[[CreditAccount, datetime], Decision]
) -> Decision:
    """A TRY opens the account for good, whatever becomes of its saga, for a claim has to be on something."""
    account = next(row for row in opening.changes if isinstance(row, CreditAccount))
    tried = take_part(account, message, now, execute)
    if not isinstance(tried.outcome, Done):
        return tried
    rest = tuple(row for row in opening.changes if row is not account)
    return replace(opening, outcome=tried.outcome, changes=(*tried.changes, *rest))


def _claimed(known: Known, decision: Decision, claim: PaymentReference, op: Op | None) -> Decision:
    """A TRY claims the payment reference, so that no other order
    can between TRY and CONFIRM; a CANCEL frees it (OP-4)."""
    before = known.find(PaymentReference, claim.id)
    order_id = claim.order_id if op is Op.TRY else ""
    claim = PaymentReference(claim.id, order_id, before.version + 1 if before else 1)
    return replace(decision, changes=(*decision.changes, claim))
