"""Charge-off of a long overdue agreement (P25). The limit it used does not come back: the granted limit shrinks by it.

A later refund of the order recovers the loss first (`refunds/allocation.py`).
"""

from dataclasses import replace
from datetime import date, timedelta

from services.credit_ledger.domain.core.laws import owed
from services.credit_ledger.domain.core.outcome import applied
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Plan
from services.credit_ledger.domain.model.commands import ChargeOff
from services.credit_ledger.domain.model.events import AgreementChargedOff
from services.credit_ledger.domain.model.tenders import NOTHING
from services.kernel.calendar import business_date
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Unit, post

CHARGE_OFF_DAYS = 90
"""An agreement may be charged off when an instalment has been overdue for more days than this."""


def charge_off(position: Position, body: ChargeOff) -> Applied:
    """Write all unpaid principal of an agreement off; its fees and late fees stay due."""
    agreement, account = position.agreement(body.order_id), position.account
    ripe = agreement.state is AgreementState.EFFECTIVE and _long_overdue(agreement, business_date(position.at))
    if not ripe and not position.replaying:
        detail = f"{body.order_id} is not overdue by more than {CHARGE_OFF_DAYS} days"
        raise FailedPrecondition("AGREEMENT_STATE", detail)
    sums = owed(agreement)
    loss = sums.principal_minor
    after = replace(
        agreement, state=AgreementState.CHARGED_OFF, written_off_minor=loss,
        plans=tuple(_written_off(plan) for plan in agreement.plans),
    )
    position = position.plus(
        after, account=replace(
            account, used_minor=account.used_minor - loss, granted_minor=account.granted_minor - loss
        ),
        journals=post("charge_off", Unit.CNY, (
            (books.WRITE_OFF, "", loss), (books.LOAN_BILLED, account.id, -sums.billed_minor),
            (books.LOAN_UNBILLED, account.id, -sums.unbilled_minor),
        ), body.order_id) + post("charge_off", Unit.LIMIT, (
            (books.GRANT, account.id, loss), (books.USED, account.id, -loss),
        ), body.order_id),
        event=AgreementChargedOff(account.id, body.order_id, loss),
    )
    return applied(position, after, "charge_off", NOTHING, before=agreement)


def _long_overdue(agreement: Agreement, today: date) -> bool:
    limit = today - timedelta(days=CHARGE_OFF_DAYS)
    return any(item.overdue(limit) and item.outstanding_minor for item in agreement.instalments)


def _written_off(plan: Plan) -> Plan:
    return replace(plan, instalments=tuple(
        item._replace(written_off_minor=item.written_off_minor + item.outstanding_minor) for item in plan.instalments
    ))
