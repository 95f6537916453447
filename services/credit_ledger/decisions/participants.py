"""Commands of sagas: TRY, CONFIRM, CANCEL or EXECUTE of an input on an account."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.credit_ledger.decisions.accounts import account_of, opened
from services.credit_ledger.domain.core.input import Input
from services.credit_ledger.domain.core.position import closed
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.kernel.decision import Decision, Done, Known, Rule, rule
from services.kernel.messages import Message, Op
from services.kernel.participant import refusable, take_part


def participant(row: Input) -> Rule:
    """The rule of an input that a saga commands."""

    def decide(known: Known, body: Any, message: Message, now: datetime) -> Decision:  # Any: of the type `row.body`
        saga_id, op = (message.saga.saga_id, message.saga.op) if message.saga else ("", None)

        def execute(account: CreditAccount, at: datetime) -> Decision:
            return closed(row.apply(opened(known, account, at, saga_id), body), body, refusable(message))

        decision = take_part(account_of(known, message.key), message, now, execute)
        claim = row.claims(body) if op in (Op.TRY, Op.CANCEL) and isinstance(decision.outcome, Done) else None
        return decision if claim is None else _claimed(known, decision, claim, op)

    return rule(row.body, lambda body, message: row.wants(body), decide)


def _claimed(known: Known, decision: Decision, claim: PaymentReference, op: Op | None) -> Decision:
    """A TRY claims the payment reference, so that no other order
    can between TRY and CONFIRM; a CANCEL frees it (OP-4)."""
    before = known.find(PaymentReference, claim.id)
    order_id = claim.order_id if op is Op.TRY else ""
    claim = PaymentReference(claim.id, order_id, before.version + 1 if before else 1)
    return replace(decision, changes=(*decision.changes, claim))
