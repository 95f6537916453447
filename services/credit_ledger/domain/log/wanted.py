"""What has to be loaded before an input is decided. What a decision needs beyond that it asks for itself."""

from typing import Protocol

from services.credit_ledger.domain.legs.steps import rejected_leg_id
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.commands import AuthorizeTenders, CutStatement, ReturnBankDeposit
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.statement import Statement, statement_key
from services.kernel.decision import Wanted
from services.kernel.shares import share_key


class OfAccount(Protocol):
    """An input of an account."""

    @property
    def account_id(self) -> str: ...


class OfOrder(OfAccount, Protocol):
    """An input about one order."""

    @property
    def order_id(self) -> str: ...


class OfMerchant(OfOrder, Protocol):
    """An input that moves what an order's merchant is owed."""

    @property
    def merchant_id(self) -> str: ...


class OfPayout(OfAccount, Protocol):
    """An input about one payout."""

    @property
    def payout_id(self) -> str: ...


class OfLeg(OfAccount, Protocol):
    """An input about one leg."""

    @property
    def leg_id(self) -> str: ...


def account(body: OfAccount) -> Wanted:
    """The account alone."""
    return ((CreditAccount, body.account_id),)


def with_agreement(body: OfOrder) -> Wanted:
    """The order's agreement too."""
    return (*account(body), (Agreement, body.order_id))


def with_share(body: OfMerchant) -> Wanted:
    """The agreement, and the merchant's share that this account uses."""
    return (*with_agreement(body), (MerchantShare, share_key(body.merchant_id, body.account_id)))


def with_reference(body: AuthorizeTenders | ReturnBankDeposit) -> Wanted:
    """The agreement, and the payment reference if there is one."""
    reference = body.payment_reference
    return (*with_agreement(body), *(((PaymentReference, reference),) if reference else ()))


def with_rejected_leg(body: ReturnBankDeposit) -> Wanted:
    """The payment reference, and the leg that gives the payment of a rejected order back."""
    return (*with_reference(body), (RefundLeg, rejected_leg_id(body.order_id)))


def with_leg(body: OfLeg) -> Wanted:
    """What an input needs to see that names a leg: the account and the leg."""
    return (*account(body), (RefundLeg, body.leg_id))


def with_payout(body: OfPayout) -> Wanted:
    """What an input needs to see that names a payout: the account and the payout."""
    return (*account(body), (RedemptionPayout, body.payout_id))


def with_statement(body: CutStatement) -> Wanted:
    """The statement of the bill date, if it is issued."""
    return (*account(body), (Statement, statement_key(body.account_id, body.bill_date)))
