"""A chargeback notice of the acquirer: the card holder has the money back, so the payment is not refundable (PM-8)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs.ends import kept
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.commands import RecordChargeback
from services.credit_ledger.domain.model.effects import ChargedBack
from services.credit_ledger.domain.model.events import PaymentChargedBack
from services.credit_ledger.domain.model.leg import Rail, RefundLeg
from services.kernel.errors import NotFound


def charge_back(position: Position, body: RecordChargeback) -> Applied:
    """From now on no refund of this payment is accepted, and what of one is on its way the acquirer kept. The
    account is one version further, so its quotes are stale. A notice that comes twice changes nothing."""
    amount, agreement = positive(body.amount_minor, position.replaying), position.find(Agreement, body.order_id)
    if agreement is not None and agreement.charged_back_at is not None:
        return Applied(position, _told(position, body, ()), logged=False)
    legs = () if position.replaying else _on_their_way(position, body.payment_reference)
    if agreement is not None and agreement.payment_reference == body.payment_reference:
        position = position.plus(replace(agreement, charged_back_at=position.at))
    elif not legs and not position.replaying:
        raise NotFound("ORDER_NOT_FOUND", f"no order of {position.account.id} is paid by {body.payment_reference}")
    position = position.plus(event=PaymentChargedBack(
        position.account.id, body.order_id, body.payment_reference, body.notice_id, amount
    ))
    for leg in legs:
        position = kept(position, leg, f"kept by the acquirer, {body.notice_id}")
    return Applied(position, _told(position, body, legs), body.order_id, body.notice_id)


def _on_their_way(position: Position, payment_reference: str) -> tuple[RefundLeg, ...]:
    return tuple(
        leg for leg in position.family(RefundLeg)
        if leg.rail is Rail.CARD and leg.reference == payment_reference and leg.in_transit
    )


def _told(position: Position, body: RecordChargeback, legs: tuple[RefundLeg, ...]) -> ChargedBack:
    return ChargedBack(
        account_id=position.account.id, account_version=position.before.version + bool(legs or position.events),
        order_id=body.order_id, payment_reference=body.payment_reference, leg_ids=tuple(leg.id for leg in legs),
        kept_minor=sum(leg.sent_minor for leg in legs),
    )
