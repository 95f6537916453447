"""Facts about redemptions and the notices to card_redemption, written to the wire."""

from services.credit_ledger.domain.model import redemption_events
from services.credit_ledger.wire.scalars import CLAIM_CAUSES, CREDIT_CAUSES, LEG_STEPS, PAYOUT_METHODS
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import instant_field
from settlement.credit_ledger.v1 import events_pb2, notices_pb2


def payout_requested(fact: redemption_events.RedemptionPayoutRequested) -> events_pb2.RedemptionPayoutRequested:
    """A redemption is to be paid out."""
    return events_pb2.RedemptionPayoutRequested(
        account_id=fact.account_id, payout_id=fact.payout_id, order_id=fact.order_id, amount_minor=fact.amount_minor,
        method=PAYOUT_METHODS.to_wire[fact.method],
    )


def paid_out(fact: redemption_events.RedemptionPaidOut) -> events_pb2.RedemptionPaidOut:
    """A redemption is paid out."""
    return events_pb2.RedemptionPaidOut(
        account_id=fact.account_id, payout_id=fact.payout_id, order_id=fact.order_id, amount_minor=fact.amount_minor,
        rerouted=fact.rerouted,
    )


def payout_stopped(fact: redemption_events.RedemptionPayoutStopped) -> events_pb2.RedemptionPayoutStopped:
    """A payout never pays."""
    return events_pb2.RedemptionPayoutStopped(
        account_id=fact.account_id, payout_id=fact.payout_id, order_id=fact.order_id
    )


def receivable_netted(fact: redemption_events.ReceivableNetted) -> events_pb2.ReceivableNetted:
    """What a customer owed us is paid."""
    return events_pb2.ReceivableNetted(
        account_id=fact.account_id, order_id=fact.order_id, payout_id=fact.payout_id, amount_minor=fact.amount_minor
    )


def cancel_fee_charged(fact: redemption_events.CancelFeeCharged) -> events_pb2.CancelFeeCharged:
    """A fee was charged."""
    return events_pb2.CancelFeeCharged(
        account_id=fact.account_id, order_id=fact.order_id, fee_minor=fact.fee_minor, paid_minor=fact.paid_minor
    )


def customer_claimed(fact: redemption_events.CustomerClaimed) -> events_pb2.CustomerClaimed:
    """A customer owes us."""
    return events_pb2.CustomerClaimed(
        account_id=fact.account_id, order_id=fact.order_id, cause=CLAIM_CAUSES.to_wire[fact.cause],
        amount_minor=fact.amount_minor,
    )


def wallet_credited(fact: redemption_events.WalletCredited) -> events_pb2.WalletCredited:
    """Money of a card went into the wallet."""
    return events_pb2.WalletCredited(
        account_id=fact.account_id, order_id=fact.order_id, cause=CREDIT_CAUSES.to_wire[fact.cause],
        amount_minor=fact.amount_minor,
    )


def voucher_use_paid(fact: redemption_events.VoucherUsePaid) -> events_pb2.VoucherUsePaid:
    """What a voucher was spent on is paid."""
    return events_pb2.VoucherUsePaid(
        account_id=fact.account_id, order_id=fact.order_id, voucher_id=fact.voucher_id, amount_minor=fact.amount_minor
    )


def remittance_received(fact: redemption_events.RemittanceReceived) -> events_pb2.RemittanceReceived:
    """A channel paid."""
    return events_pb2.RemittanceReceived(
        channel=fact.channel, reference=fact.reference, amount_minor=fact.amount_minor
    )


def payouts_paused(fact: redemption_events.PayoutsPaused) -> events_pb2.PayoutsPaused:
    """An operator holds all payouts."""
    return events_pb2.PayoutsPaused(operator_id=fact.operator_id, reason=fact.reason)


def payouts_resumed(fact: redemption_events.PayoutsResumed) -> events_pb2.PayoutsResumed:
    """An operator lets them go on."""
    return events_pb2.PayoutsResumed(operator_id=fact.operator_id, reason=fact.reason)


def payout_settled(notice: redemption_events.RedemptionPayoutSettled) -> notices_pb2.RedemptionPayoutSettled:
    """To the card: its payout is paid."""
    return notices_pb2.RedemptionPayoutSettled(
        order_id=notice.order_id, payout_id=notice.payout_id, card_id=notice.card_id, amount_minor=notice.amount_minor,
        rerouted=notice.rerouted, manual=notice.manual, settle_time=instant_field(notice.at),
    )


def payout_stepped(notice: redemption_events.RedemptionPayoutStepped) -> notices_pb2.RedemptionPayoutStepped:
    """To the card: a leg of its payout took a step."""
    return notices_pb2.RedemptionPayoutStepped(
        order_id=notice.order_id, payout_id=notice.payout_id, card_id=notice.card_id, leg_id=notice.leg_id,
        step=LEG_STEPS.to_wire[notice.step], amount_minor=notice.amount_minor, step_time=instant_field(notice.at),
        detail=notice.detail,
    )


FACTS = (
    Entry(redemption_events.RedemptionPayoutRequested, events_pb2.RedemptionPayoutRequested, payout_requested),
    Entry(redemption_events.RedemptionPaidOut, events_pb2.RedemptionPaidOut, paid_out),
    Entry(redemption_events.RedemptionPayoutStopped, events_pb2.RedemptionPayoutStopped, payout_stopped),
    Entry(redemption_events.ReceivableNetted, events_pb2.ReceivableNetted, receivable_netted),
    Entry(redemption_events.CancelFeeCharged, events_pb2.CancelFeeCharged, cancel_fee_charged),
    Entry(redemption_events.CustomerClaimed, events_pb2.CustomerClaimed, customer_claimed),
    Entry(redemption_events.WalletCredited, events_pb2.WalletCredited, wallet_credited),
    Entry(redemption_events.VoucherUsePaid, events_pb2.VoucherUsePaid, voucher_use_paid),
    Entry(redemption_events.RemittanceReceived, events_pb2.RemittanceReceived, remittance_received),
    Entry(redemption_events.PayoutsPaused, events_pb2.PayoutsPaused, payouts_paused),
    Entry(redemption_events.PayoutsResumed, events_pb2.PayoutsResumed, payouts_resumed),
)
NOTICES = (
    Entry(redemption_events.RedemptionPayoutSettled, notices_pb2.RedemptionPayoutSettled, payout_settled),
    Entry(redemption_events.RedemptionPayoutStepped, notices_pb2.RedemptionPayoutStepped, payout_stepped),
)
"""By kind."""
