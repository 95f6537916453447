"""What sagas of card_redemption ask, read from the wire, and what they are answered, written to it."""

from services.credit_ledger.domain.model import effects, redemptions
from services.credit_ledger.wire.scalars import CLAIM_CAUSES, CREDIT_CAUSES, PAYOUT_METHODS, PAYOUT_STATES
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import instant_field
from settlement.credit_ledger.v1 import commands_pb2, effects_pb2


def pay_redemption(body: commands_pb2.PayRedemption) -> redemptions.PayRedemption:
    """Pay a redemption out (P28)."""
    return redemptions.PayRedemption(
        account_id=body.account_id, customer_id=body.customer_id, order_id=body.order_id, card_id=body.card_id,
        payout_id=body.payout_id, amount_minor=body.amount_minor, method=PAYOUT_METHODS.from_wire[body.method],
        instrument=body.instrument,
    )


def stop_payout(body: commands_pb2.StopRedemptionPayout) -> redemptions.StopRedemptionPayout:
    """Stop a payout (OP-2)."""
    return redemptions.StopRedemptionPayout(body.account_id, body.customer_id, body.order_id, body.payout_id)


def charge_cancel_fee(body: commands_pb2.ChargeCancelFee) -> redemptions.ChargeCancelFee:
    """Charge the fee of a cancelled redemption (P30)."""
    return redemptions.ChargeCancelFee(body.account_id, body.customer_id, body.order_id, body.fee_minor)


def claim_from_customer(body: commands_pb2.ClaimFromCustomer) -> redemptions.ClaimFromCustomer:
    """Claim what was paid for a card (P32, P34)."""
    return redemptions.ClaimFromCustomer(
        account_id=body.account_id, customer_id=body.customer_id, order_id=body.order_id,
        cause=CLAIM_CAUSES.from_wire[body.cause], amount_minor=body.amount_minor,
        claimed_before_minor=body.claimed_before_minor,
    )


def credit_wallet(body: commands_pb2.CreditWallet) -> redemptions.CreditWallet:
    """Money of a card into the wallet (OP-10, PM-3)."""
    return redemptions.CreditWallet(
        account_id=body.account_id, customer_id=body.customer_id, order_id=body.order_id,
        cause=CREDIT_CAUSES.from_wire[body.cause], amount_minor=body.amount_minor,
    )


def pay_voucher_use(body: commands_pb2.PayVoucherUse) -> redemptions.PayVoucherUse:
    """Pay for what a voucher was spent on (P35)."""
    return redemptions.PayVoucherUse(
        account_id=body.account_id, customer_id=body.customer_id, order_id=body.order_id, voucher_id=body.voucher_id,
        amount_minor=body.amount_minor,
    )


def receive_remittance(body: commands_pb2.ReceiveRemittance) -> redemptions.ReceiveRemittance:
    """Take what a channel remitted (P29)."""
    return redemptions.ReceiveRemittance(body.channel, body.reference, body.amount_minor)


def payout_effect(effect: effects.PayoutEffect) -> effects_pb2.PayoutEffect:
    """How far a payout is."""
    return effects_pb2.PayoutEffect(
        payout_id=effect.payout_id, order_id=effect.order_id, account_id=effect.account_id,
        account_version=effect.account_version, post_time=instant_field(effect.posted_at),
        state=PAYOUT_STATES.to_wire[effect.state], amount_minor=effect.amount_minor, netted_minor=effect.netted_minor,
        leg_id=effect.leg_id,
    )


def customer_effect(effect: effects.CustomerEffect) -> effects_pb2.CustomerEffect:
    """What a customer has and owes after it."""
    return effects_pb2.CustomerEffect(
        op=effect.op, order_id=effect.order_id, account_id=effect.account_id, account_version=effect.account_version,
        post_time=instant_field(effect.posted_at), amount_minor=effect.amount_minor, paid_minor=effect.paid_minor,
        owed_minor=effect.owed_minor, netted_minor=effect.netted_minor,
    )


def remittance_effect(effect: effects.RemittanceEffect) -> effects_pb2.RemittanceEffect:
    """What a channel remitted."""
    return effects_pb2.RemittanceEffect(
        channel=effect.channel, amount_minor=effect.amount_minor, received_minor=effect.received_minor,
        post_time=instant_field(effect.posted_at),
    )


COMMANDS = (
    Entry(redemptions.PayRedemption, commands_pb2.PayRedemption, from_wire=pay_redemption),
    Entry(redemptions.StopRedemptionPayout, commands_pb2.StopRedemptionPayout, from_wire=stop_payout),
    Entry(redemptions.ChargeCancelFee, commands_pb2.ChargeCancelFee, from_wire=charge_cancel_fee),
    Entry(redemptions.ClaimFromCustomer, commands_pb2.ClaimFromCustomer, from_wire=claim_from_customer),
    Entry(redemptions.CreditWallet, commands_pb2.CreditWallet, from_wire=credit_wallet),
    Entry(redemptions.PayVoucherUse, commands_pb2.PayVoucherUse, from_wire=pay_voucher_use),
    Entry(redemptions.ReceiveRemittance, commands_pb2.ReceiveRemittance, from_wire=receive_remittance),
)
"""Every command that a saga of card_redemption sends."""

EFFECTS = (
    Entry(effects.PayoutEffect, effects_pb2.PayoutEffect, payout_effect),
    Entry(effects.CustomerEffect, effects_pb2.CustomerEffect, customer_effect),
    Entry(effects.RemittanceEffect, effects_pb2.RemittanceEffect, remittance_effect),
)
"""Every answer to them."""
