"""The rail has the last word: what it paid, or took back, after we had ended a leg otherwise is booked, openly (PM-7).

The customer owes what was paid without our will; where an earlier payment of the rail was taken back by a reversal and
the customer has it still, it counts for the next refund of the same payment, so that refunds never sum above the
payment.
"""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs.ends import rerouted
from services.credit_ledger.domain.legs.steps import LEG_TIMER, channel, moved, settle_op, stepped, transit
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import CorrectLeg, LegCorrection
from services.credit_ledger.domain.model.events import LegRerouted, LegSettled
from services.credit_ledger.domain.model.leg import LegEnd, LegState, LegStep, RailWord, RefundLeg
from services.kernel.journal import Unit, post

_OPS = {LegCorrection.BOUNCED: "leg_bounced", LegCorrection.COUNTED: "leg_counted"}


def paid_anyway(position: Position, leg: RefundLeg) -> Position:
    """The rail paid what had been recalled, rerouted, kept, or paid by hand: the customer has the money and owes it.
    What was kept waits for its person all the same (PM-8)."""
    why = "settled after recall" if leg.state is LegState.RECALLED else "paid twice"
    detail = f"{why}, {leg.detail}" if leg.detail else why
    waits = leg.end is LegEnd.KEPT and not leg.reversed
    after = moved(position, leg, leg.state if waits else LegState.SETTLED, word=RailWord.PAID, detail=detail)
    position = _logged(position, leg, LegCorrection.PAID_ANYWAY, leg.sent_minor, 0)
    position = position.plus(
        after, event=LegSettled(leg.account_id, leg.id, leg.amount_minor), cleared=((LEG_TIMER, leg.id),)
    )
    return stepped(position, after, LegStep.PAID_ANYWAY)


def bounced(position: Position, leg: RefundLeg, detail: str) -> Position:
    """What the rail had paid came back. A refund that stands goes on to the wallet (PM-3); else the customer owes so
    much less, and has in the wallet what of it was paid to us since."""
    after = replace(leg, word=RailWord.REFUSED, detail=detail, updated_at=position.at)
    if not leg.reversed and leg.end is LegEnd.NONE:
        back = post("leg_bounced", Unit.CNY, (
            (channel(leg.rail), "", leg.sent_minor), (*transit(leg), -leg.sent_minor),
        ), leg.order_id)
        return rerouted(stepped(position.plus(after, journals=back), after, LegStep.BOUNCED), after)
    owed = min(leg.sent_minor, position.account.receivable_minor)
    position = _logged(position, leg, LegCorrection.BOUNCED, -owed, leg.sent_minor - owed)
    return stepped(position.plus(replace(after, state=_before(leg))), after, LegStep.CAME_BACK)


def counted(position: Position, leg: RefundLeg, amount_minor: int) -> Position:
    """So much of a leg need not be paid: the rail paid it before, for a refund that was taken back. The customer
    owes that no longer, and has in the wallet what of it was paid to us since."""
    owed = min(amount_minor, position.account.receivable_minor)
    return _logged(position, leg, LegCorrection.COUNTED, -owed, amount_minor - owed)


def correct(position: Position, body: CorrectLeg) -> Applied:
    """Book what the rail did against what we had decided. The figures are in the body: no replay decides them again."""
    leg = position.find(RefundLeg, body.leg_id)
    if leg is not None and body.correction is LegCorrection.COUNTED:
        counted_minor = leg.counted_minor + body.wallet_minor - body.receivable_minor
        position = position.plus(replace(leg, counted_minor=counted_minor))
    account = replace(
        position.account, receivable_minor=position.account.receivable_minor + body.receivable_minor,
        wallet_minor=position.account.wallet_minor + body.wallet_minor,
    )
    against = books.TRANSIT_CARD if body.correction is LegCorrection.COUNTED else channel(body.rail)
    position = position.plus(account=account, journals=post(_OPS.get(body.correction, settle_op(body.rail)), Unit.CNY, (
        (books.CUSTOMER_RECEIVABLE, account.id, body.receivable_minor), (books.WALLET, account.id, -body.wallet_minor),
        (against, "", body.wallet_minor - body.receivable_minor),
    ), body.order_id))
    return Applied(position, None, body.order_id, body.leg_id)


def _before(leg: RefundLeg) -> LegState:
    """Where a leg stood before the rail paid it against our will."""
    if leg.end is LegEnd.REROUTED:
        return LegState.REROUTED
    if leg.end is LegEnd.BY_HAND:
        return LegState.SETTLED
    return LegState.RECALLED if leg.reversed or leg.end is LegEnd.REPLACED else leg.state


def _logged(
    position: Position, leg: RefundLeg, correction: LegCorrection, receivable_minor: int, wallet_minor: int
) -> Position:
    body = CorrectLeg(
        account_id=leg.account_id, leg_id=leg.id, order_id=leg.order_id, rail=leg.rail, correction=correction,
        receivable_minor=receivable_minor, wallet_minor=wallet_minor,
    )
    position = correct(position, body).position.log(body, position.at, leg.order_id, leg.id)
    return position.plus(event=LegRerouted(leg.account_id, leg.id, wallet_minor)) if wallet_minor else position
