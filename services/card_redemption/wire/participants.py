"""What sagas of redemptions ask of the credit ledger and of the customer's own root, and what comes back."""

from services.card_redemption.domain.cards.closing import CreditWallet
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import participation as ask
from services.card_redemption.domain.redemption.plans import CancelPlan, Party, SubmissionPlan
from services.card_redemption.domain.redemption.taking_back import Cause
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import Enumeration, instant_from_wire
from settlement.card_redemption.v1 import commands_pb2 as own_pb2
from settlement.credit_ledger.v1 import commands_pb2 as pb
from settlement.credit_ledger.v1 import effects_pb2, leg_pb2, notices_pb2, payout_pb2

_METHODS = {
    PayoutMethod.JD_BALANCE: payout_pb2.PAYOUT_METHOD_WALLET, PayoutMethod.BANK_CARD: payout_pb2.PAYOUT_METHOD_BANK,
    PayoutMethod.ORIGINAL: payout_pb2.PAYOUT_METHOD_ORIGINAL,
}
_CAUSES = {
    Cause.FACE_CLAWBACK: pb.CLAIM_CAUSE_FACE_CLAWBACK, Cause.FAULT_REVERSAL: pb.CLAIM_CAUSE_FAULT_REVERSAL,
    Cause.FRAUD_CLOSE: pb.CLAIM_CAUSE_FRAUD_CLOSE,
}
_PAYOUTS = Enumeration(ask.LedgerPayout, payout_pb2.PayoutState)


def pay(body: ask.PayRedemption) -> pb.PayRedemption:
    """Pay."""
    plan, party = body.plan, body.plan.party
    return pb.PayRedemption(
        account_id=party.account_id, customer_id=party.customer_id, order_id=party.redemption_id,
        card_id=party.card_id, payout_id=plan.payout_id, amount_minor=plan.amount_minor, method=_METHODS[plan.method],
        instrument="" if plan.method is PayoutMethod.JD_BALANCE else plan.instrument,
    )


def stop(body: ask.StopRedemptionPayout) -> pb.StopRedemptionPayout:
    """Stop a payout."""
    return pb.StopRedemptionPayout(**_names(body.plan.party), payout_id=body.plan.payout_id)


def charge(body: ask.ChargeCancelFee) -> pb.ChargeCancelFee:
    """Charge a fee."""
    return pb.ChargeCancelFee(**_names(body.plan.party), fee_minor=body.plan.fee_minor)


def claim(body: ask.ClaimFromCustomer) -> pb.ClaimFromCustomer:
    """Claim what was paid."""
    plan = body.plan
    return pb.ClaimFromCustomer(
        **_names(plan.party), cause=_CAUSES[plan.what.cause], amount_minor=plan.amount_minor,
        claimed_before_minor=plan.claimed_before_minor,
    )


def pay_voucher_use(body: ask.PayVoucherUse) -> pb.PayVoucherUse:
    """Pay for a voucher's use."""
    plan = body.plan
    return pb.PayVoucherUse(**_names(plan.party), voucher_id=plan.voucher_id, amount_minor=plan.amount_minor)


def receive(body: ask.ReceiveRemittance) -> pb.ReceiveRemittance:
    """Take in what a recycler pays."""
    plan = body.plan
    return pb.ReceiveRemittance(channel=plan.channel, reference=plan.reference, amount_minor=plan.amount_minor)


def _names(party: Party) -> dict[str, str]:
    return {
        "account_id": party.account_id, "customer_id": party.customer_id, "order_id": party.redemption_id,
    }


def payout_answer(m: effects_pb2.PayoutEffect) -> ask.PayoutAnswer:
    """How far a payout is."""
    return ask.PayoutAnswer(instant_from_wire(m.post_time), _PAYOUTS.from_wire[m.state])


def customer_answer(m: effects_pb2.CustomerEffect) -> ask.CustomerAnswer:
    """What a fee, a claim or a voucher did."""
    return ask.CustomerAnswer(instant_from_wire(m.post_time), m.paid_minor, m.owed_minor)


def remittance_answer(m: effects_pb2.RemittanceEffect) -> ask.RemittanceAnswer:
    """A remittance was taken in."""
    return ask.RemittanceAnswer(instant_from_wire(m.post_time))


def payout_settled(m: notices_pb2.RedemptionPayoutSettled) -> ask.PayoutSettled:
    """A payout is paid."""
    return ask.PayoutSettled(m.order_id, m.payout_id, m.rerouted)


def payout_stepped(m: notices_pb2.RedemptionPayoutStepped) -> ask.PayoutNews:
    """A payout took a step on its way."""
    return ask.PayoutNews(m.order_id, m.payout_id, m.step == leg_pb2.LEG_STEP_REFUSED, m.detail)


def admit(body: ask.AdmitRedemption) -> own_pb2.AdmitRedemption:
    """May he submit it?"""
    party = body.plan.party
    return own_pb2.AdmitRedemption(
        customer_id=party.customer_id, redemption_id=party.redemption_id, face_minor=body.plan.face_minor
    )


def admit_read(m: own_pb2.AdmitRedemption) -> ask.AdmitRedemption:
    """The same, read."""
    return ask.AdmitRedemption(SubmissionPlan(Party(m.redemption_id, "", m.customer_id, ""), m.face_minor))


def count_cancellation(body: ask.CountCancellation) -> own_pb2.CountCancellation:
    """One more cancellation today?"""
    plan = body.plan
    return own_pb2.CountCancellation(
        customer_id=plan.party.customer_id, redemption_id=plan.party.redemption_id, face_minor=plan.capped_minor,
        cap_minor=plan.cap_minor,
    )


def count_cancellation_read(m: own_pb2.CountCancellation) -> ask.CountCancellation:
    """The same, read."""
    party = Party(m.redemption_id, "", m.customer_id, "")
    return ask.CountCancellation(CancelPlan(party, 0, m.face_minor, m.cap_minor))


def count_completion(body: ask.CountCompletion) -> own_pb2.CountCompletion:
    """A redemption is complete."""
    return own_pb2.CountCompletion(customer_id=body.customer_id, redemption_id=body.redemption_id)


def count_completion_read(m: own_pb2.CountCompletion) -> ask.CountCompletion:
    """The same, read."""
    return ask.CountCompletion(m.customer_id, m.redemption_id)


def restrict(body: ask.RestrictRedeemer) -> own_pb2.RestrictRedeemer:
    """A card had been spent."""
    return own_pb2.RestrictRedeemer(
        customer_id=body.customer_id, redemption_id=body.redemption_id, reason=body.reason
    )


def restrict_read(m: own_pb2.RestrictRedeemer) -> ask.RestrictRedeemer:
    """The same, read."""
    return ask.RestrictRedeemer(m.customer_id, m.redemption_id, m.reason)


def credit_wallet(body: CreditWallet) -> pb.CreditWallet:
    """Put what a card was worth into the wallet."""
    plan = body.plan
    return pb.CreditWallet(
        account_id=plan.account_id, customer_id=plan.customer_id, order_id=plan.card_id,
        cause=pb.WALLET_CREDIT_CAUSE_CARD_CLOSE, amount_minor=plan.amount_minor,
    )


def credit_adjustment(body: ask.CreditAdjustment) -> pb.CreditWallet:
    """Put what a dispute granted into the wallet."""
    plan = body.plan
    return pb.CreditWallet(
        **_names(plan.party), cause=pb.WALLET_CREDIT_CAUSE_MANUAL_ADJUST, amount_minor=plan.amount_minor
    )


def lift(body: ask.LiftRestriction) -> own_pb2.LiftRestriction:
    """They may redeem again."""
    return own_pb2.LiftRestriction(customer_id=body.customer_id, redemption_id=body.redemption_id)


def lift_read(m: own_pb2.LiftRestriction) -> ask.LiftRestriction:
    """The same, read."""
    return ask.LiftRestriction(m.customer_id, m.redemption_id)


PARTICIPANTS = (
    Entry(CreditWallet, pb.CreditWallet, credit_wallet),
    Entry(ask.CreditAdjustment, pb.CreditWallet, credit_adjustment),
    Entry(ask.PayRedemption, pb.PayRedemption, pay),
    Entry(ask.StopRedemptionPayout, pb.StopRedemptionPayout, stop),
    Entry(ask.ChargeCancelFee, pb.ChargeCancelFee, charge),
    Entry(ask.ClaimFromCustomer, pb.ClaimFromCustomer, claim),
    Entry(ask.PayVoucherUse, pb.PayVoucherUse, pay_voucher_use),
    Entry(ask.ReceiveRemittance, pb.ReceiveRemittance, receive),
    Entry(ask.PayoutAnswer, effects_pb2.PayoutEffect, None, payout_answer),
    Entry(ask.CustomerAnswer, effects_pb2.CustomerEffect, None, customer_answer),
    Entry(ask.RemittanceAnswer, effects_pb2.RemittanceEffect, None, remittance_answer),
    Entry(ask.PayoutSettled, notices_pb2.RedemptionPayoutSettled, None, payout_settled),
    Entry(ask.PayoutNews, notices_pb2.RedemptionPayoutStepped, None, payout_stepped),
    Entry(ask.AdmitRedemption, own_pb2.AdmitRedemption, admit, admit_read),
    Entry(ask.CountCancellation, own_pb2.CountCancellation, count_cancellation, count_cancellation_read),
    Entry(ask.CountCompletion, own_pb2.CountCompletion, count_completion, count_completion_read),
    Entry(ask.RestrictRedeemer, own_pb2.RestrictRedeemer, restrict, restrict_read),
    Entry(ask.LiftRestriction, own_pb2.LiftRestriction, lift, lift_read),
)
"""What travels between a redemption's sagas and their participants."""
