"""How the credit ledger's aggregates reach the lane. Roots come first: they are locked in the order of this list."""

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.channel import RecyclingChannel, Remittance
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.credit_ledger.domain.model.reconciliation import RailDifference, Reconciliation
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.store import accounts, agreements, documents, payments, payouts, reconciliations
from services.credit_ledger.wire import CODEC
from services.runtime.ground.tables import Log, Table
from services.runtime.stored.notices import notice_table

TABLES: tuple[Table, ...] = (
    Table(CreditAccount, accounts.load_accounts, accounts.save_accounts, root=True, tells=True),
    Table(MerchantShare, accounts.load_merchant_shares, accounts.save_merchant_shares, root=True, tells=True),
    Table(PaymentReference, accounts.load_payment_references, accounts.save_payment_references, root=True),
    Table(RecyclingChannel, payouts.load_channels, payouts.save_channels, root=True, tells=True),
    Table(PayoutSwitch, payouts.load_switches, payouts.save_switches, root=True, tells=True),
    Table(
        Reconciliation, reconciliations.load_reconciliations, reconciliations.save_reconciliations, root=True,
        tells=True,
    ),
    Table(
        Agreement, agreements.load_agreements, agreements.save_agreements,
        load_family=agreements.load_open_agreements,
    ),
    Table(
        Operation, documents.load_operations, documents.save_operations,
        log=Log(CreditAccount, "operations_head", documents.operation_row),
    ),
    Table(Statement, documents.load_statements, documents.save_statements),
    Table(Repayment, payments.load_repayments, payments.save_repayments, load_family=payments.load_open_repayments),
    Table(
        CreditRefund, payments.load_credit_refunds, payments.save_credit_refunds,
        load_family=payments.load_open_credit_refunds,
    ),
    Table(Adjustment, documents.load_adjustments, documents.save_adjustments),
    Table(RefundLeg, payments.load_legs, payments.save_legs, load_family=payments.load_open_legs),
    Table(RedemptionPayout, payouts.load_payouts, payouts.save_payouts),
    Table(Remittance, payouts.load_remittances, payouts.save_remittances),
    Table(RailDifference, reconciliations.load_differences, reconciliations.save_differences),
    notice_table(CODEC),
)
