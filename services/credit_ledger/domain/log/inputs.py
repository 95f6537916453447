"""Every input of an account, one row each: decisions, replays,
the stored log and the customer's words all read it here.

A new input is a row here, its dataclass in `model/commands.py`, and its wire.
"""

from collections.abc import Mapping
from typing import Protocol

from services.credit_ledger.domain.accounts.life import fund_wallet, grant_limit, open_account, set_state
from services.credit_ledger.domain.adjustments import manual, waiting_legs
from services.credit_ledger.domain.core.input import Input
from services.credit_ledger.domain.core.position import Applied, Apply, Position
from services.credit_ledger.domain.dues import charge_off, late_fees, repaying
from services.credit_ledger.domain.holds import deposits
from services.credit_ledger.domain.holds.life import authorize, capture, claimed_reference, release
from services.credit_ledger.domain.legs.chargeback import charge_back
from services.credit_ledger.domain.legs.ends import reroute
from services.credit_ledger.domain.legs.last_word import correct
from services.credit_ledger.domain.legs.life import reported
from services.credit_ledger.domain.log import reversal
from services.credit_ledger.domain.log.wanted import (
    account,
    with_agreement,
    with_leg,
    with_payout,
    with_reference,
    with_rejected_leg,
    with_share,
    with_statement,
)
from services.credit_ledger.domain.model import commands, redemptions
from services.credit_ledger.domain.model.commands import LegCorrection, ReleaseCause
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.credit_ledger.domain.payouts import cards, paying, stopping
from services.credit_ledger.domain.receivables import claims, netting
from services.credit_ledger.domain.refunds import flash
from services.credit_ledger.domain.refunds.posting import refund
from services.credit_ledger.domain.statements.cut import cut_on_request

_CORRECTIONS = {
    LegCorrection.PAID_ANYWAY: "银行仍已付款 paid by the bank after it was taken back",
    LegCorrection.BOUNCED: "银行退回付款 payment returned by the bank",
    LegCorrection.COUNTED: "此前付款抵作退款 an earlier payment of the bank counts as this refund",
}


_CLAIMS = {
    ClaimCause.FACE_CLAWBACK: "面额更正 wrong face",
    ClaimCause.FAULT_REVERSAL: "平台故障 platform fault",
    ClaimCause.FRAUD_CLOSE: "盗刷结案 fraud",
}


class Reasoned(Protocol):
    """A body that says why."""

    @property
    def reason(self) -> str: ...


def with_reason(text: str, body: Reasoned) -> str:
    """The reason that was given, if one was."""
    return f"{text}: {body.reason}" if body.reason else text


def by_instrument(text: str, body: commands.Repay) -> str:
    """What the customer paid with."""
    return f"{text} ({body.instrument})"


def by_cause(text: str, body: commands.ReleaseTenders) -> str:
    """A hold that nobody shipped in time was not cancelled: its payment expired (A14)."""
    return "支付过期 payment expired" if body.cause is ReleaseCause.EXPIRED else text


def by_correction(text: str, body: commands.CorrectLeg) -> str:
    """What the bank did (PM-7)."""
    return _CORRECTIONS[body.correction]


def by_claim(text: str, body: redemptions.ClaimFromCustomer) -> str:
    """Why it has to come back (P32, P34)."""
    return f"{text}: {_CLAIMS[body.cause]}"


def by_credit(text: str, body: redemptions.CreditWallet) -> str:
    """What a dispute granted is not the money of a closed card (P22)."""
    return "争议调账 adjusted after a dispute" if body.cause is WalletCreditCause.MANUAL_ADJUST else text


def reverse(position: Position, body: commands.ReverseRefund) -> Applied:
    """Undo a refund: the log is replayed without it, by the rows of this table (P24)."""
    return reversal.reverse(position, body, APPLY)


OF_SAGAS = (
    Input.of(
        commands.AuthorizeTenders, with_reference, authorize, claims=claimed_reference,
        reason_zh="下单冻结", reason_en="order placed",
    ),
    Input.of(
        commands.ReleaseTenders, with_agreement, release, tell=by_cause,
        reason_zh="订单取消", reason_en="order cancelled",
    ),
    Input.of(
        commands.CaptureTenders, with_share, capture,
        reason_zh="商家出库", reason_en="order shipped",
    ),
    Input.of(
        commands.ReturnBankDeposit, with_rejected_leg, deposits.give_back,
        reason_zh="下单失败退款", reason_en="order rejected, bank payment on its way back",
    ),
    Input.of(
        commands.RefundTenders, with_share, refund,
        reason_zh="订单退款", reason_en="order refunded",
    ),
    Input.of(
        commands.ReverseRefund, with_share, reverse,
        reason_zh="退款撤销", reason_en="refund reversed",
    ),
    Input.of(
        redemptions.PayRedemption, with_payout, paying.pay, opens=True,
        reason_zh="卡券回收付款", reason_en="redemption to be paid out",
    ),
    Input.of(
        redemptions.StopRedemptionPayout, with_payout, stopping.stop,
        reason_zh="回收付款停止", reason_en="payout of a redemption stopped",
    ),
    Input.of(
        redemptions.ChargeCancelFee, account, claims.charge_cancel_fee, opens=True,
        reason_zh="回收取消手续费", reason_en="fee of a cancelled redemption",
    ),
    Input.of(
        redemptions.ClaimFromCustomer, account, claims.claim, opens=True, tell=by_claim,
        reason_zh="回收款追回", reason_en="paid for a card, owed back",
    ),
    Input.of(
        redemptions.CreditWallet, account, cards.credit_wallet, opens=True, tell=by_credit,
        reason_zh="已关闭卡片转入余额", reason_en="money of a closed card into the wallet",
    ),
    Input.of(
        redemptions.PayVoucherUse, account, cards.pay_voucher_use, opens=True,
        reason_zh="电子凭证抵扣", reason_en="voucher used",
    ),
)
"""What sagas of the order service and of card_redemption command: TRY, CONFIRM, CANCEL or EXECUTE."""

OPENING = Input.of(
    commands.OpenAccount, account, open_account,
    reason_zh="开户", reason_en="account opened",
)
"""The first input of every log."""

OF_CALLERS = (
    Input.of(
        commands.GrantLimit, account, grant_limit,
        reason_zh="额度调整", reason_en="limit granted",
    ),
    Input.of(
        commands.FundWallet, account, fund_wallet,
        reason_zh="余额充值", reason_en="wallet funded",
    ),
    Input.of(
        commands.SetAccountState, account, set_state, tell=with_reason,
        reason_zh="账户状态变更", reason_en="account state changed",
    ),
    Input.of(
        commands.Repay, account, repaying.repay, tell=by_instrument,
        reason_zh="还款", reason_en="repayment",
    ),
    Input.of(
        commands.PayOutCreditBalance, account, repaying.pay_out,
        reason_zh="白条余额提现", reason_en="credit balance paid out",
    ),
    Input.of(
        commands.AccrueLateFees, account, late_fees.accrue,
        reason_zh="违约金计收", reason_en="late fee charged",
    ),
    Input.of(
        commands.WaiveLateFees, account, late_fees.waive, tell=with_reason,
        reason_zh="违约金减免", reason_en="late fee waived",
    ),
    Input.of(
        commands.ChargeOff, with_agreement, charge_off.charge_off, tell=with_reason,
        reason_zh="核销", reason_en="charged off",
    ),
    Input.of(
        commands.CutStatement, with_statement, cut_on_request,
        reason_zh="账单出账", reason_en="statement cut",
    ),
    Input.of(
        commands.ConfirmFlashRefund, with_agreement, flash.confirm,
        reason_zh="闪付退款到账", reason_en="flash refund confirmed",
    ),
    Input.of(
        commands.AdjustRefund, with_agreement, flash.adjust, tell=with_reason,
        reason_zh="人工调账", reason_en="adjusted by hand",
    ),
    Input.of(
        commands.PostAdjustment, with_agreement, manual.post_adjustment, tell=with_reason,
        reason_zh="人工调账", reason_en="adjusted by hand",
    ),
    Input.of(
        commands.RetryLeg, with_leg, waiting_legs.retry, tell=with_reason,
        reason_zh="退款重试", reason_en="payment asked about again",
    ),
    Input.of(
        commands.SettleLeg, with_leg, waiting_legs.settle, tell=with_reason,
        reason_zh="人工退款", reason_en="payment settled by hand",
    ),
    Input.of(
        commands.RecordChargeback, with_agreement, charge_back, tell=with_reason,
        reason_zh="银行卡拒付", reason_en="payment charged back",
    ),
    Input.of(commands.ReportLeg, with_leg, reported, logged=False),
)
"""What people, runs, networks and rails ask for. A report of a
rail stays out of the log: what comes of it is told there."""

OF_DECISIONS = (
    Input.of(
        commands.RerouteLeg, with_leg, reroute,
        reason_zh="退款转入余额", reason_en="instrument closed, refunded to the wallet",
    ),
    Input.of(
        commands.CorrectLeg, with_leg, correct, tell=by_correction,
        reason_zh="退款核对", reason_en="payment put right by the bank's word",
    ),
    Input.of(
        redemptions.NetReceivable, account, netting.net,
        reason_zh="欠款抵扣", reason_en="what was owed is netted",
    ),
    Input.of(
        redemptions.DisbursePayout, account, paying.disburse,
        reason_zh="回收款发放", reason_en="redemption paid out",
    ),
)
"""What no message brings: a decision logs it beside its own input, so that a replay does it again."""

INPUTS = (OPENING, *OF_SAGAS, *OF_CALLERS, *OF_DECISIONS)
LOGGED: Mapping[str, Input] = {row.kind: row for row in INPUTS if row.logged}
"""What may stand in the log, by name: how a stored operation finds the type of its body, and the customer its words."""

APPLY: Mapping[type, Apply] = {row.body: row.apply for row in INPUTS}
"""How each input moves the account: decisions and replays go by the same rows."""
