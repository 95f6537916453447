"""Which input posts what in the credit book (DOMAIN 3.2): under which operation codes, on which accounts and sides.

Every journal under an account is posted by an input of its log, or by the rail's word about a leg; every journal under
a merchant's share by a command of `UNDER_A_SHARE`, under a recycling channel by one of `UNDER_A_CHANNEL`. The auditor
takes what this table does not say for nobody's.
"""

from collections.abc import Iterable, Mapping

from services.credit_ledger.domain.adjustments.manual import COMPANY, CUSTOMER
from services.credit_ledger.domain.model import books, commands, events, redemption_events, redemptions
from services.kernel.journal import Posting, Unit

_PRINCIPAL = (books.LOAN_BILLED, books.LOAN_UNBILLED)
_DUES = (*_PRINCIPAL, books.LOAN_FEE, books.LOAN_LATE)
_FEES = (books.FEE_INSTALMENT, books.FEE_DEFERRED)
_MERCHANT = (books.MERCHANT_PAYABLE, books.MERCHANT_RECEIVABLE)
_TRANSITS = (books.TRANSIT_CARD, books.TRANSIT_PAYOUT)
_CHANNELS = (books.CARD_CHANNEL, books.BANK)
_LIMITS = (books.AVAILABLE, books.HELD, books.USED)
_CREDITED = (*_DUES, books.WRITE_OFF, books.CREDIT_BALANCE, books.TRANSIT_PAYOUT)
"""What the credit share of a refund goes to."""

_OTHER_TENDERS = (books.CLEARING, books.COUPON, books.WALLET, books.TRANSIT_CARD)
"""What the other tenders of a refund go to."""


def _money(op: str, debited: Iterable[str], credited: Iterable[str]) -> Posting:
    return Posting.of(op, Unit.CNY, debited, credited)


def _limit(op: str, debited: Iterable[str], credited: Iterable[str]) -> Posting:
    return Posting.of(op, Unit.LIMIT, debited, credited)


def _restored(op: str) -> Posting:
    return _limit(op, (books.AVAILABLE,), (books.USED,))


_ADJUSTED_FEES = _money("fee_adjust", (books.LOAN_FEE, *_FEES), (books.LOAN_FEE, *_FEES))
_KEPT = _money("chargeback_kept", (books.TRANSIT_CARD,), (books.CARD_CHANNEL,))
_TAKEN_IN = (
    _money("deposit", (books.CARD_CHANNEL,), (books.DEPOSIT,)),
    _money("deposit_return", (books.DEPOSIT,), (books.TRANSIT_CARD,)),
)
"""How the bank payment of a rejected order came in and went out, posted with the end of its leg (PM-5)."""


def _credit_side(op: str) -> tuple[Posting, ...]:
    """What completes a refund that waited for the flash network (P21)."""
    return _money(op, (books.TRANSIT_FLASH, *_FEES), _CREDITED), _ADJUSTED_FEES, _restored(op)


POSTINGS: Mapping[type, tuple[Posting, ...]] = {
    commands.OpenAccount: (_limit("limit_grant", (books.AVAILABLE,), (books.GRANT,)),),
    commands.GrantLimit: (_limit("limit_grant", (books.AVAILABLE, books.GRANT), (books.AVAILABLE, books.GRANT)),),
    commands.FundWallet: (_money("wallet_fund", (books.BANK,), (books.WALLET,)),),
    commands.SetAccountState: (),
    commands.AuthorizeTenders: (
        _limit("authorize", (books.HELD,), (books.AVAILABLE,)),
        _money("deposit", (books.WALLET, books.CARD_CHANNEL), (books.DEPOSIT,)),
    ),
    commands.ReleaseTenders: (
        _limit("release", (books.AVAILABLE,), (books.HELD,)),
        _money("deposit_return", (books.DEPOSIT,), (books.WALLET, books.TRANSIT_CARD)), _KEPT,
    ),
    commands.CaptureTenders: (
        _limit("capture", (books.USED,), (books.HELD,)),
        _money("capture", (books.LOAN_UNBILLED, books.DEPOSIT, books.COUPON), (books.MERCHANT_PAYABLE,)),
    ),
    commands.ReturnBankDeposit: (),
    commands.RefundTenders: (
        _money("refund", (*_MERCHANT, *_FEES), (*_CREDITED, *_OTHER_TENDERS)), _ADJUSTED_FEES, _restored("refund"),
        _money("refund_accept", _MERCHANT, (*_OTHER_TENDERS, books.TRANSIT_FLASH)), _KEPT,
    ),
    commands.ConfirmFlashRefund: _credit_side("refund_confirm"),
    commands.AdjustRefund: _credit_side("manual_adjust"),
    commands.ReverseRefund: (
        _money(
            "refund_reverse",
            (*_CREDITED, *_FEES, *_OTHER_TENDERS, books.CUSTOMER_RECEIVABLE, books.WAIVER, books.LATE_INCOME),
            (*_CREDITED, *_FEES, *_MERCHANT, books.CUSTOMER_RECEIVABLE, books.WALLET, books.WAIVER, books.LATE_INCOME),
        ),
        _limit("refund_reverse", (*_LIMITS, books.GRANT), (*_LIMITS, books.GRANT)),
    ),
    commands.Repay: (_money("repay", (books.BANK,), (*_DUES, books.CREDIT_BALANCE)), _restored("repay")),
    commands.PayOutCreditBalance: (_money("cb_payout", (books.CREDIT_BALANCE,), (books.TRANSIT_PAYOUT,)),),
    commands.AccrueLateFees: (_money("late_accrual", (books.LOAN_LATE,), (books.LATE_INCOME,)),),
    commands.WaiveLateFees: (_money("late_waiver", (books.WAIVER,), (books.LOAN_LATE,)),),
    commands.ChargeOff: (
        _money("charge_off", (books.WRITE_OFF,), _PRINCIPAL), _limit("charge_off", (books.GRANT,), (books.USED,)),
    ),
    commands.CutStatement: (
        _money("bill", (books.LOAN_BILLED, books.LOAN_FEE), (books.LOAN_UNBILLED, *_FEES)),
        _money("credit_balance_offset", (books.CREDIT_BALANCE,), _DUES), _restored("credit_balance_offset"),
    ),
    commands.PostAdjustment: (_money("manual_adjust", CUSTOMER + COMPANY, CUSTOMER + COMPANY),),
    commands.RetryLeg: (_KEPT, *_TAKEN_IN),
    commands.SettleLeg: (_money("manual_adjust", _TRANSITS, (books.BANK,)), *_TAKEN_IN),
    commands.RecordChargeback: (_KEPT, *_TAKEN_IN),
    commands.ReportLeg: (
        _money("card_refund_settled", (books.TRANSIT_CARD,), (books.CARD_CHANNEL,)),
        _money("payout_settled", (books.TRANSIT_PAYOUT,), (books.BANK,)), _KEPT, *_TAKEN_IN,
        _money("payout", (books.TRANSIT_PAYOUT,), (books.BANK,)),
    ),
    commands.RerouteLeg: (
        _money("leg_rerouted", _TRANSITS, (books.WALLET,)), _money("leg_bounced", _CHANNELS, _TRANSITS), *_TAKEN_IN,
    ),
    commands.CorrectLeg: (
        _money("card_refund_settled", (books.CUSTOMER_RECEIVABLE,), (books.CARD_CHANNEL,)),
        _money("payout_settled", (books.CUSTOMER_RECEIVABLE,), (books.BANK,)),
        _money("leg_bounced", _CHANNELS, (books.CUSTOMER_RECEIVABLE, books.WALLET)),
        _money("leg_counted", (books.TRANSIT_CARD,), (books.CUSTOMER_RECEIVABLE, books.WALLET)),
    ),
    redemptions.PayRedemption: (),
    redemptions.StopRedemptionPayout: (),
    redemptions.DisbursePayout: (_money("payout", (books.TRANSIT_PAYOUT,), (books.CUSTOMER_RECEIVABLE, books.WALLET)),),
    redemptions.NetReceivable: (
        _money("receivable_netted", (books.WALLET,), (books.CUSTOMER_RECEIVABLE,)),
        _money("payout_stopped", (books.CUSTOMER_RECEIVABLE,), (books.TRANSIT_PAYOUT,)),
    ),
    redemptions.ChargeCancelFee: (
        _money("cancel_fee", (books.WALLET, books.CUSTOMER_RECEIVABLE), (books.CANCEL_FEE,)),
    ),
    redemptions.ClaimFromCustomer: tuple(
        _money(cause.lower(), (books.CUSTOMER_RECEIVABLE,), (books.CLEARING,)) for cause in redemptions.ClaimCause
    ),
    redemptions.CreditWallet: tuple(
        _money(cause.lower(), (books.CLEARING,), (books.WALLET,)) for cause in redemptions.WalletCreditCause
    ),
    redemptions.PayVoucherUse: (_money("voucher_use", (books.CLEARING,), (books.BANK,)),),
}
"""By the type of the input; what `ReportLeg` posts is also posted when a leg's timer is due, and neither is logged."""

UNDER_A_SHARE: Mapping[type, tuple[Posting, ...]] = {
    commands.SettleMerchant: (
        _money("merchant_settle", (books.MERCHANT_PAYABLE,), (books.MERCHANT_RECEIVABLE, books.BANK)),
    ),
    commands.PayGiftCardShare: (
        _money("merchant_settle", (books.CLEARING,), (books.MERCHANT_RECEIVABLE, books.BANK)),
    ),
    commands.ClawBackFromMerchant: (
        _money("refund", (books.MERCHANT_RECEIVABLE,), (books.CLEARING,)),
        _money("refund_reverse", (books.CLEARING,), _MERCHANT),
    ),
}
"""What commands post whose root is a share of a merchant."""

UNDER_A_CHANNEL: Mapping[type, tuple[Posting, ...]] = {
    redemptions.ReceiveRemittance: (_money("channel_remit", (books.BANK,), (books.CLEARING,)),),
}
"""What commands post whose root is a recycling channel."""

SUBS: Mapping[str, str] = {
    **dict.fromkeys((*_DUES, *_LIMITS, books.GRANT, *CUSTOMER), "account"),
    **dict.fromkeys(_MERCHANT, "merchant"), books.DEPOSIT: "order", books.CLEARING: "settlement",
    books.SUSPENSE: "case", books.TRANSIT_PAYOUT: "instrument",
}
"""What the sub-account of a line names; that of all other accounts is empty."""

TOLD: Mapping[type, tuple[type, ...]] = {
    commands.OpenAccount: (events.AccountOpened,),
    commands.GrantLimit: (events.LimitGranted,),
    commands.FundWallet: (events.WalletFunded,),
    commands.SetAccountState: (events.AccountStateChanged,),
    commands.AuthorizeTenders: (events.TendersAuthorized,),
    commands.ReleaseTenders: (events.TendersReleased,),
    commands.CaptureTenders: (events.TendersCaptured,),
    commands.RefundTenders: (events.RefundPosted, events.FlashRefundAccepted),
    commands.ConfirmFlashRefund: (events.RefundPosted,),
    commands.AdjustRefund: (events.RefundPosted,),
    commands.ReverseRefund: (events.RefundReversed,),
    commands.Repay: (events.RepaymentReceived,),
    commands.PayOutCreditBalance: (events.CreditBalancePaidOut,),
    commands.AccrueLateFees: (events.LateFeesAccrued,),
    commands.WaiveLateFees: (events.LateFeesWaived,),
    commands.ChargeOff: (events.AgreementChargedOff,),
    commands.CutStatement: (events.StatementIssued,),
    commands.PostAdjustment: (events.AdjustmentPosted,),
    commands.RecordChargeback: (events.PaymentChargedBack,),
    redemptions.PayRedemption: (redemption_events.RedemptionPayoutRequested,),
    redemptions.StopRedemptionPayout: (redemption_events.RedemptionPayoutStopped,),
    redemptions.ChargeCancelFee: (redemption_events.CancelFeeCharged,),
    redemptions.ClaimFromCustomer: (redemption_events.CustomerClaimed,),
    redemptions.CreditWallet: (redemption_events.WalletCredited,),
    redemptions.PayVoucherUse: (redemption_events.VoucherUsePaid,),
}
"""The one event, of these, by which an input of the log is told; each stands for no other. The steps of legs have
events of their own, one or several or none, whatever input they came of."""
