"""Before shipment and at it: authorize, release, capture (OR-5,
CR-1, 2.3). Every fen of a hold resolves at most once."""

from dataclasses import replace
from datetime import timedelta

from services.credit_ledger.domain.core.outcome import applied
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.core.quote_pins import check_quote
from services.credit_ledger.domain.holds.fees import fees_of, within_fees
from services.credit_ledger.domain.holds.schedule import plan_of
from services.credit_ledger.domain.legs.life import launched
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.merchants.shares import owe
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, concluded
from services.credit_ledger.domain.model.commands import AuthorizeTenders, CaptureTenders, ReleaseCause, ReleaseTenders
from services.credit_ledger.domain.model.events import TendersAuthorized, TendersCaptured, TendersReleased
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.statements.cut import scheduled
from services.kernel.calendar import business_date, first_bill_date
from services.kernel.decision import Timer
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.kernel.journal import Journal, Unit, post

HOLD_DAYS = 30
"""Unshipped, a hold lasts 30 times 24 hours; at its last instant it still holds (A14)."""


def authorize(position: Position, body: AuthorizeTenders) -> Applied:
    """Hold the credit, take the wallet share, record the bank card's deposit (P2, P3)."""
    tenders, terms = position.checked(body.tenders), position.checked(body.terms)
    account = position.account
    if not position.replaying:
        _may_authorize(position, body)
    agreement = Agreement(
        order_id=body.order_id, account_id=account.id, customer_id=body.customer_id, merchant_id=body.merchant_id,
        terms=terms, payment_reference=body.payment_reference,
        hold=Hold(tenders, position.at, position.at + timedelta(days=HOLD_DAYS)),
    )
    held = replace(
        account, held_minor=account.held_minor + tenders.credit_minor,
        wallet_minor=account.wallet_minor - tenders.wallet_minor,
    )
    reference = claimed_reference(body)
    journals = post("authorize", Unit.LIMIT, (
        (books.HELD, account.id, tenders.credit_minor), (books.AVAILABLE, account.id, -tenders.credit_minor),
    ), body.order_id) + post("deposit", Unit.CNY, (
        (books.WALLET, account.id, tenders.wallet_minor), (books.CARD_CHANNEL, "", tenders.bank_minor),
        (books.DEPOSIT, body.order_id, -tenders.deposit_minor),
    ), body.order_id)
    after = position.plus(
        agreement, *((reference,) if reference else ()), account=held, journals=journals,
        event=TendersAuthorized(account.id, body.order_id, tenders),
    )
    return applied(after, agreement, "authorize", tenders)


def claimed_reference(body: AuthorizeTenders) -> PaymentReference | None:
    """The payment reference that no other order may use, from the TRY on (OP-4); None without a bank-card share."""
    return PaymentReference(body.payment_reference, body.order_id) if body.payment_reference else None


def release(position: Position, body: ReleaseTenders) -> Applied:
    """Give back what is held of these tenders (P5, P6). With nothing captured the agreement is REVOKED (CR-2, CR-9)."""
    agreement, tenders, account = position.agreement(body.order_id), position.checked(body.tenders), position.account
    check_quote(position, body)
    hold = agreement.hold
    if not _covers(hold, tenders):
        detail = f"{body.order_id}: {hold.state}, {hold.remaining} is left to release"
        raise FailedPrecondition("AGREEMENT_STATE", detail)
    expired = body.cause is ReleaseCause.EXPIRED
    hold = replace(hold, released=hold.released.plus(tenders), expired=expired or hold.expired)
    after = replace(agreement, hold=hold)
    over = agreement.state is AgreementState.DRAFT and not any(hold.remaining)
    after = replace(after, state=AgreementState.REVOKED if over else concluded(after))
    released = replace(
        account, held_minor=account.held_minor - tenders.credit_minor,
        wallet_minor=account.wallet_minor + tenders.wallet_minor,
    )
    reference = f"{body.order_id}/release/{position.next_operation}"
    position = position.plus(
        after, account=released, journals=_release_journals(account, body),
        event=TendersReleased(account.id, body.order_id, tenders, after.state),
    )
    identity = leg_id(reference) if tenders.bank_minor else ""
    position = launched(
        position, identity, rail=Rail.CARD, reference=agreement.payment_reference, amount_minor=tenders.bank_minor,
        order_id=body.order_id,
    )
    return applied(position, after, "release", tenders, leg_id=identity, limit_restored_minor=tenders.credit_minor)


def capture(position: Position, body: CaptureTenders) -> Applied:
    """A shipment went out (P4): its share of the hold becomes debt and its plan starts. An expired hold is refused here
    too, so that a late expiry job cannot let it through (A14)."""
    agreement, tenders, account = position.agreement(body.order_id), position.checked(body.tenders), position.account
    hold = agreement.hold
    if position.at > hold.expires_at:
        raise FailedPrecondition("HOLD_EXPIRED", f"{body.order_id} was held until {hold.expires_at}")
    if not _covers(hold, tenders):
        detail = f"{body.order_id}: {hold.state}, {hold.remaining} is left to capture"
        raise FailedPrecondition("AGREEMENT_STATE", detail)
    plans = agreement.plans
    timers: tuple[Timer, ...] = ()
    used = replace(
        account, held_minor=account.held_minor - tenders.credit_minor,
        used_minor=account.used_minor + tenders.credit_minor, shipments=account.shipments + 1,
    )
    if tenders.credit_minor:
        by_days = position.facts is not None and position.facts.due_by_days
        plan = plan_of(account, agreement, tenders.credit_minor, position.at, by_days)
        if not position.replaying:
            within_fees(position, sum(item.fee_minor for item in plan.instalments))
        plans = (*plans, plan)
        used, timers = scheduled(used, first_bill_date(business_date(position.at), account.bill_day))
    after = replace(
        agreement, state=AgreementState.EFFECTIVE, plans=plans, hold=replace(hold, captured=hold.captured.plus(tenders))
    )
    position = owe(position, agreement.merchant_id, tenders.total_minor).plus(
        after, account=used, journals=_capture_journals(account, body, agreement.merchant_id), timers=timers,
        event=TendersCaptured(account.id, body.order_id, tenders),
    )
    return applied(position, after, "capture", tenders)


def _covers(hold: Hold, tenders: Tenders) -> bool:
    """Whether this much is left of a hold; one that is resolved covers nothing, not even tenders of 0."""
    return (any(hold.remaining) or not any(hold.authorized)) and tenders.within(hold.remaining)


def _may_authorize(position: Position, body: AuthorizeTenders) -> None:
    """The guards of an authorization; exactly the available limit is accepted (C06, C07)."""
    account, tenders = position.account, body.tenders
    if account.customer_id != body.customer_id:
        raise NotFound("ACCOUNT_NOT_FOUND", f"{account.id} is not {body.customer_id}'s")
    if position.find(Agreement, body.order_id) is not None:
        raise AlreadyExists("AGREEMENT_STATE", f"{body.order_id} has an agreement")
    if account.state is AccountState.CLOSED or (tenders.credit_minor and account.state is not AccountState.ACTIVE):
        raise FailedPrecondition("ACCOUNT_NOT_ACTIVE", f"{account.id} is {account.state}")
    if tenders.credit_minor > account.available_minor:
        raise FailedPrecondition("INSUFFICIENT_LIMIT", f"{account.available_minor} is available")
    if tenders.wallet_minor > account.wallet_minor:
        raise FailedPrecondition("INSUFFICIENT_WALLET", f"the wallet holds {account.wallet_minor}")
    within_fees(position, fees_of(body.terms.checked(), tenders.credit_minor))
    if bool(tenders.bank_minor) != bool(body.payment_reference):
        detail = "a bank-card tender goes with the acquirer's payment reference (PM-5)"
        raise InvalidArgument("INVALID_ARGUMENT", detail)
    if body.payment_reference:
        claimed = position.find(PaymentReference, body.payment_reference)
        if claimed is not None and claimed.order_id not in ("", body.order_id):
            raise FailedPrecondition("PAYMENT_REFERENCE_USED", f"{body.payment_reference} pays another order (OP-4)")


def _release_journals(account: CreditAccount, body: ReleaseTenders) -> tuple[Journal, ...]:
    tenders = body.tenders
    return post("release", Unit.LIMIT, (
        (books.AVAILABLE, account.id, tenders.credit_minor), (books.HELD, account.id, -tenders.credit_minor),
    ), body.order_id) + post("deposit_return", Unit.CNY, (
        (books.DEPOSIT, body.order_id, tenders.deposit_minor), (books.WALLET, account.id, -tenders.wallet_minor),
        (books.TRANSIT_CARD, "", -tenders.bank_minor),
    ), body.order_id)


def _capture_journals(account: CreditAccount, body: CaptureTenders, merchant_id: str) -> tuple[Journal, ...]:
    tenders = body.tenders
    return post("capture", Unit.LIMIT, (
        (books.USED, account.id, tenders.credit_minor), (books.HELD, account.id, -tenders.credit_minor),
    ), body.order_id) + post("capture", Unit.CNY, (
        (books.LOAN_UNBILLED, account.id, tenders.credit_minor), (books.DEPOSIT, body.order_id, tenders.deposit_minor),
        (books.COUPON, "", tenders.coupon_minor), (books.MERCHANT_PAYABLE, merchant_id, -tenders.total_minor),
    ), body.order_id)
