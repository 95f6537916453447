"""The registry of everything that travels: commands in, results, facts and notices out."""

from services.credit_ledger.domain.model import effects, events
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.credit_ledger.domain.model.reconciliation import (
    RailDifferenceFound,
    RailDifferenceResolved,
    Reconciliation,
)
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.wire import effects as told
from services.credit_ledger.wire import events as facts
from services.credit_ledger.wire import redemptions, views
from services.credit_ledger.wire.commands import COMMANDS
from services.credit_ledger.wire.redemption_events import FACTS, NOTICES
from services.runtime.ground.codec import Codec, Entry
from settlement.credit_ledger.v1 import (
    account_pb2,
    adjustment_service_pb2,
    credit_service_pb2,
    effects_pb2,
    events_pb2,
    leg_pb2,
    notices_pb2,
    payout_service_pb2,
    reconciliation_service_pb2,
    statement_pb2,
)

_RESULTS = (
    Entry(effects.CreditEffect, effects_pb2.CreditEffect, told.credit_effect),
    Entry(effects.Preview, effects_pb2.CreditPreview, told.preview),
    Entry(effects.Repaid, credit_service_pb2.RepayResponse, told.repaid),
    Entry(effects.PaidOutBalance, credit_service_pb2.PayOutCreditBalanceResponse, told.paid_out),
    Entry(effects.LateFees, credit_service_pb2.AccrueLateFeesResponse, told.late_fees),
    Entry(effects.MerchantSettlement, credit_service_pb2.SettleMerchantResponse, told.merchant_settlement),
    Entry(effects.ChargedBack, credit_service_pb2.RecordChargebackResponse, told.charged_back),
    Entry(CreditAccount, account_pb2.CreditAccount, views.account),
    Entry(Adjustment, adjustment_service_pb2.Adjustment, views.adjustment),
    Entry(RefundLeg, leg_pb2.Leg, views.leg),
    Entry(Reconciliation, reconciliation_service_pb2.Reconciliation, views.reconciliation),
    Entry(PayoutSwitch, payout_service_pb2.PayoutSwitch, views.payout_switch),
    Entry(Statement, statement_pb2.Statement, views.issued),
)
_EVENTS = (
    Entry(events.AccountOpened, events_pb2.AccountOpened, facts.account_opened),
    Entry(events.LimitGranted, events_pb2.LimitGranted, facts.limit_granted),
    Entry(events.WalletFunded, events_pb2.WalletFunded, facts.wallet_funded),
    Entry(events.AccountStateChanged, events_pb2.AccountStateChanged, facts.account_state_changed),
    Entry(events.TendersAuthorized, events_pb2.TendersAuthorized, facts.tenders_authorized),
    Entry(events.TendersReleased, events_pb2.TendersReleased, facts.tenders_released),
    Entry(events.TendersCaptured, events_pb2.TendersCaptured, facts.tenders_captured),
    Entry(events.RefundPosted, events_pb2.RefundPosted, facts.refund_posted),
    Entry(events.FlashRefundAccepted, events_pb2.FlashRefundAccepted, facts.flash_refund_accepted),
    Entry(events.RefundReversed, events_pb2.CreditRefundReversed, facts.refund_reversed),
    Entry(events.RepaymentReceived, events_pb2.RepaymentReceived, facts.repayment_received),
    Entry(events.StatementIssued, events_pb2.StatementIssued, facts.statement_issued),
    Entry(events.LateFeesAccrued, events_pb2.LateFeesAccrued, facts.late_fees_accrued),
    Entry(events.LateFeesWaived, events_pb2.LateFeesWaived, facts.late_fees_waived),
    Entry(events.CreditBalancePaidOut, events_pb2.CreditBalancePaidOut, facts.credit_balance_paid_out),
    Entry(events.AgreementChargedOff, events_pb2.AgreementChargedOff, facts.agreement_charged_off),
    Entry(events.LegSettled, events_pb2.LegSettled, facts.leg_settled),
    Entry(events.LegRerouted, events_pb2.LegRerouted, facts.leg_rerouted),
    Entry(events.AdjustmentPosted, events_pb2.AdjustmentPosted, facts.adjustment_posted),
    Entry(events.LegFailed, events_pb2.LegFailed, facts.leg_failed),
    Entry(events.LegStepped, events_pb2.LegStepped, facts.leg_stepped),
    Entry(events.PaymentChargedBack, events_pb2.PaymentChargedBack, facts.payment_charged_back),
    Entry(RailDifferenceFound, events_pb2.RailDifferenceFound, facts.difference_found),
    Entry(RailDifferenceResolved, events_pb2.RailDifferenceResolved, facts.difference_resolved),
    Entry(events.MerchantPaid, events_pb2.MerchantPaid, facts.merchant_paid),
)
_NOTICES = (
    Entry(events.FlashRefundConfirmed, notices_pb2.FlashRefundConfirmed, facts.flash_refund_confirmed),
    Entry(events.FlashRefundExpired, notices_pb2.FlashRefundExpired, facts.flash_refund_expired),
    Entry(events.BankRefundSettled, notices_pb2.BankRefundSettled, facts.bank_refund_settled),
    Entry(events.BankRefundStepped, notices_pb2.BankRefundStepped, facts.bank_refund_stepped),
)

CODEC = Codec(
    *COMMANDS, *redemptions.COMMANDS, *_RESULTS, *redemptions.EFFECTS, *_EVENTS, *FACTS, *_NOTICES, *NOTICES
)
"""The credit ledger's wire."""
