"""The schedule of a plan: parts, fees and dates (SD-1 to SD-3)."""

from datetime import datetime

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, Plan
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.terms import CreditTerms
from services.kernel.allocation import equal
from services.kernel.calendar import business_date, due_date, due_date_by_days, first_bill_date, next_bill_date
from services.kernel.money import half_up, of_rate


def parts(principal_minor: int, count: int, fee_ppm: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Principal and fee of each instalment: equal parts, and each time the fee on the whole principal (SD-1, CV-4)."""
    return equal(principal_minor, count), (of_rate(principal_minor, fee_ppm),) * count


def plan_of(
    account: CreditAccount, agreement: Agreement, credit_minor: int, captured_at: datetime, by_days: bool = False
) -> Plan:
    """The plan that a shipment of this credit share starts; its instalments are numbered on within the agreement.
    `by_days` is for the replay of what was scheduled before due dates were after their bills in every month."""
    flat_fee = flat_fee_share(agreement, credit_minor)
    instalments = _instalments(
        account, agreement.terms, principal=credit_minor, flat_fee=flat_fee, captured_at=captured_at,
        numbered=sum(1 for _ in agreement.instalments), by_days=by_days,
    )
    return Plan(
        shipment=account.shipments + 1, captured_at=captured_at, principal_minor=credit_minor, flat_fee_minor=flat_fee,
        instalments=instalments,
    )


def flat_fee_share(agreement: Agreement, credit_minor: int) -> int:
    """A shipment's share of the flat fee of a deferral, by
    differences of cumulative roundings: all shares make the fee."""
    terms, hold = agreement.terms, agreement.hold
    whole = hold.authorized.credit_minor
    if not terms.deferred or not whole:
        return 0
    done = hold.captured.credit_minor + hold.released.credit_minor
    fee = terms.flat_fee_minor
    return half_up(fee * (done + credit_minor), whole) - half_up(fee * done, whole)


def _instalments(
    account: CreditAccount, terms: CreditTerms, principal: int, flat_fee: int, captured_at: datetime, numbered: int,
    by_days: bool,
) -> tuple[Instalment, ...]:
    first = first_bill_date(business_date(captured_at), account.bill_day)
    count = 1 if terms.deferred else terms.instalment_count
    start = terms.defer_months - 1 if terms.deferred else 0
    principals, fees = parts(principal, count, terms.fee_ppm)
    if terms.deferred:
        fees = (flat_fee,)
    months = range(start, start + count)
    bill_dates = [next_bill_date(first, account.bill_day, month) for month in months]
    due_dates = [
        due_date_by_days(bill_date, account.bill_day, account.due_day) if by_days
        else due_date(bill_date, account.due_day)
        for bill_date in bill_dates
    ]
    dated = zip(bill_dates, due_dates, principals, fees, strict=True)
    return tuple(
        Instalment(
            no=no, bill_date=bill_date, due_date=due, principal_minor=part, fee_initial_minor=fee, fee_minor=fee
        )
        for no, (bill_date, due, part, fee) in enumerate(dated, numbered + 1)
    )
