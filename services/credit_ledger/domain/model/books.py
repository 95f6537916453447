"""The accounts of the credit book (DOMAIN 3.1); the sub-account is in braces there, the second field of a line here."""

from services.kernel.journal import Journal, Unit, post

Lines = tuple[tuple[str, str, int], ...]
"""Journal lines: account, sub-account, fen (debit positive)."""

BANK = "A.BANK"
CARD_CHANNEL = "A.CH.CARD"
LOAN_UNBILLED = "A.LOAN.P.UNBILLED"
LOAN_BILLED = "A.LOAN.P.BILLED"
LOAN_FEE = "A.LOAN.FEE"
LOAN_LATE = "A.LOAN.LATE"
MERCHANT_RECEIVABLE = "A.MERCH.RECV"
CUSTOMER_RECEIVABLE = "A.CUST.RECV"
MERCHANT_PAYABLE = "L.MERCH.PAY"
DEPOSIT = "L.DEPOSIT"
WALLET = "L.CUST.WALLET"
CREDIT_BALANCE = "L.CREDITBAL"
TRANSIT_CARD = "L.REFUND.TRANSIT.CARD"
TRANSIT_FLASH = "L.REFUND.TRANSIT.FLASH"
TRANSIT_PAYOUT = "L.PAYOUT.TRANSIT"
FEE_INSTALMENT = "I.FEE.INST"
FEE_DEFERRED = "I.FEE.DEFER"
LATE_INCOME = "I.LATE"
CANCEL_FEE = "I.CANCELFEE"
COUPON = "E.COUPON"
WAIVER = "E.WAIVER"
WRITE_OFF = "E.WRITEOFF"
CLEARING = "X.CLEARING"
SUSPENSE = "X.SUSPENSE"
AVAILABLE = "LIM.AVAIL"
HELD = "LIM.HELD"
USED = "LIM.USED"
GRANT = "LIM.GRANT"


def fee_income(deferred: bool) -> str:
    """Where the fee of a plan is earned."""
    return FEE_DEFERRED if deferred else FEE_INSTALMENT


def limit_restored(op: str, account_id: str, amount_minor: int, order_id: str = "") -> tuple[Journal, ...]:
    """The LIMIT journal of principal that is no longer owed."""
    return post(op, Unit.LIMIT, ((AVAILABLE, account_id, amount_minor), (USED, account_id, -amount_minor)), order_id)
