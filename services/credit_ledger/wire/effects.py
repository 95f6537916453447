"""What callers and coordinators are told, written to the wire."""

from services.credit_ledger.domain.model.effects import (
    ChargedBack,
    CreditEffect,
    GivenBack,
    LateFees,
    MerchantSettlement,
    PaidOutBalance,
    Preview,
    Repaid,
    Step,
    Use,
)
from services.credit_ledger.domain.model.instalment import InstalmentChange, InstalmentState
from services.credit_ledger.wire.scalars import AGREEMENT_STATES, COMPONENTS, INSTALMENT_STATES, REFUND_STATES
from services.runtime.ground.scalars import date_to_wire, instant_field
from settlement.common.v1 import explanation_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as service_pb
from settlement.credit_ledger.v1 import effects_pb2 as pb

_BILLED = frozenset({InstalmentState.BILLED, InstalmentState.OVERDUE})


def credit_effect(effect: CreditEffect) -> pb.CreditEffect:
    """The answer to every saga command."""
    moved = effect.moved
    return pb.CreditEffect(
        op=effect.op, order_id=effect.order_id, account_id=effect.account_id, account_version=effect.account_version,
        post_time=instant_field(effect.posted_at), credit_minor=moved.credit_minor, wallet_minor=moved.wallet_minor,
        bank_minor=moved.bank_minor, coupon_minor=moved.coupon_minor,
        agreement_state=AGREEMENT_STATES.to_wire[effect.agreement_state], available_minor=effect.available_minor,
        refund_id=effect.refund_id,
        refund_state=REFUND_STATES.to_wire[effect.refund_state] if effect.refund_state else pb.REFUND_STATE_UNSPECIFIED,
        instalments=[_changed(row) for row in effect.instalments],
        principal_refunded_minor=effect.principal_refunded_minor, recovered_minor=effect.recovered_minor,
        fee_back_minor=effect.fee_back_minor, uses=[_use(use) for use in effect.uses],
        given_back=[_given_back(back) for back in effect.given_back], credit_balance_minor=effect.credit_balance_minor,
        limit_restored_minor=effect.limit_restored_minor, steps=[_step(step) for step in effect.steps],
        leg_id=effect.leg_id,
    )


def preview(quoted: Preview) -> pb.CreditPreview:
    """The computation behind a quote."""
    return pb.CreditPreview(
        effect=credit_effect(quoted.effect), account_version=quoted.account_version,
        policy_version=quoted.policy_version, business_date=date_to_wire(quoted.business_date),
        quote_time=instant_field(quoted.quoted_at), valid_until=instant_field(quoted.valid_until),
        statement_due_before_minor=quoted.statement_due_before_minor,
        statement_due_after_minor=quoted.statement_due_after_minor,
    )


def repaid(result: Repaid) -> service_pb.RepayResponse:
    """How a repayment was spent."""
    return service_pb.RepayResponse(
        repayment_id=result.repayment_id, account_id=result.account_id, account_version=result.account_version,
        amount_minor=result.amount_minor, uses=[_use(use) for use in result.uses],
        credit_balance_minor=result.credit_balance_minor, limit_restored_minor=result.limit_restored_minor,
        available_minor=result.available_minor,
    )


def paid_out(result: PaidOutBalance) -> service_pb.PayOutCreditBalanceResponse:
    """A payout of credit balance."""
    return service_pb.PayOutCreditBalanceResponse(
        account_id=result.account_id, account_version=result.account_version, amount_minor=result.amount_minor,
        leg_id=result.leg_id, credit_balance_minor=result.credit_balance_minor,
    )


def late_fees(result: LateFees) -> service_pb.AccrueLateFeesResponse:
    """Late fees that were accrued; a waiver answers with the same figures under its own name."""
    return service_pb.AccrueLateFeesResponse(
        account_id=result.account_id, account_version=result.account_version, amount_minor=result.amount_minor
    )


def merchant_settlement(result: MerchantSettlement) -> service_pb.SettleMerchantResponse:
    """A settlement with a merchant."""
    return service_pb.SettleMerchantResponse(
        merchant_id=result.merchant_id, amount_minor=result.amount_minor, netted_minor=result.netted_minor,
        paid_minor=result.paid_minor, payable_minor=result.payable_minor, receivable_minor=result.receivable_minor,
    )


def _changed(row: InstalmentChange) -> pb.InstalmentChange:
    """One row; field by field into the nested message, which takes half the time of building it apart."""
    change = pb.InstalmentChange(refunded_now_minor=row.refunded_now_minor, fee_before_minor=row.fee_before_minor)
    if row.paid_now_minor:
        change.paid_now_minor = row.paid_now_minor
    after = change.after
    after.no = row.no
    after.principal_minor = row.principal_minor
    after.refunded_minor = row.refunded_minor
    after.outstanding_minor = row.outstanding_minor
    after.fee_minor = row.fee_minor
    after.bill_date = row.bill_date.isoformat()
    after.due_date = row.due_date.isoformat()
    after.state = INSTALMENT_STATES.to_wire[row.state]
    if row.paid_minor or row.fee_paid_minor or row.late_minor:
        after.paid_minor = row.paid_minor
        after.fee_paid_minor = row.fee_paid_minor
        after.late_minor = row.late_minor
    if row.state in _BILLED:
        after.billed = True
    if written_off := row.principal_minor - row.paid_minor - row.refunded_minor - row.outstanding_minor:
        after.written_off_minor = written_off
    return change


def _use(use: Use) -> pb.Use:
    return pb.Use(
        order_id=use.order_id, no=use.no, component=COMPONENTS.to_wire[use.component], amount_minor=use.amount_minor,
        rule=use.rule, unbilled=use.unbilled,
    )


def _given_back(back: GivenBack) -> pb.GivenBack:
    return pb.GivenBack(instrument=back.instrument, amount_minor=back.amount_minor, leg_id=back.leg_id)


def _step(step: Step) -> explanation_pb2.ExplanationStep:
    return explanation_pb2.ExplanationStep(
        rule=step.rule, formula=step.formula, inputs=step.inputs, amount_minor=step.amount_minor,
        parts=[
            explanation_pb2.ExplanationPart(no=part.no, weight=part.weight, amount_minor=part.amount_minor)
            for part in step.parts
        ],
    )


def charged_back(result: ChargedBack) -> service_pb.RecordChargebackResponse:
    """A payment that is not refundable any more."""
    return service_pb.RecordChargebackResponse(
        account_id=result.account_id, account_version=result.account_version, order_id=result.order_id,
        payment_reference=result.payment_reference, kept_leg_ids=result.leg_ids, kept_minor=result.kept_minor,
    )
