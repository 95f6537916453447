"""One page of the rail's list beside the legs with the same range of keys (PM-7). Pure: `settle verify` uses it too.

A leg that is asked about anyway is no difference, whatever it says by now: the rail's word is on its way. It is only
asked about at once. A difference is what nobody would ever ask about again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import RailWord, RefundLeg
from services.credit_ledger.domain.model.reconciliation import Difference, DifferenceKind, Listed

_REFUSED = (LegReport.REJECTED, LegReport.CLOSED)


class Compared(NamedTuple):
    """What came of it: the differences by key, and the legs that the rail should be asked about."""

    differences: tuple[Difference, ...]
    ask: tuple[RefundLeg, ...]


def compare(listed: Sequence[Listed], legs: Mapping[str, RefundLeg], listed_at: datetime) -> Compared:
    """Compare a range of keys. A leg that moved after the list was asked for is left to the next time."""
    differences: list[Difference] = []
    ask: list[RefundLeg] = []
    for payment in listed:
        leg = legs.get(payment.key)
        kind = DifferenceKind.UNKNOWN_LEG if leg is None else _differs(payment, leg)
        if leg is not None and _news(payment, leg):
            ask.append(leg)
        if kind is not None and (leg is not None or payment.report not in _REFUSED):
            differences.append(_difference(kind, payment, leg))
    known = {payment.key for payment in listed}
    for key, leg in legs.items():
        at_rail = leg.word is RailWord.PAID and leg.sent_minor > 0
        if key not in known and at_rail and (leg.updated_at or leg.created_at) < listed_at:
            differences.append(Difference(
                key=key, kind=DifferenceKind.NOT_LISTED, account_id=leg.account_id, reference=leg.reference,
                leg_minor=leg.sent_minor, rail_minor=0, detail=leg.detail,
            ))
    return Compared(tuple(sorted(differences)), tuple(ask))


def _differs(payment: Listed, leg: RefundLeg) -> DifferenceKind | None:
    if (payment.amount_minor, payment.reference) != (leg.sent_minor, leg.reference):
        return DifferenceKind.OTHER_CONTENT
    if payment.report is LegReport.SETTLED and leg.word is RailWord.REFUSED:
        return DifferenceKind.PAID_NOT_BOOKED
    if payment.report is not LegReport.SETTLED and leg.word is RailWord.PAID:
        return DifferenceKind.BOOKED_NOT_PAID
    return None


def _news(payment: Listed, leg: RefundLeg) -> bool:
    """Whether the rail would say something new if it were asked."""
    if payment.report is LegReport.SETTLED:
        return leg.word is not RailWord.PAID
    if payment.report in _REFUSED:
        return leg.word is not RailWord.REFUSED
    return payment.report is LegReport.ACCEPTED and leg.word in (RailWord.SILENT, RailWord.REFUSED)


def _difference(kind: DifferenceKind, payment: Listed, leg: RefundLeg | None) -> Difference:
    account_id, leg_minor = (leg.account_id, leg.sent_minor) if leg is not None else ("", 0)
    return Difference(
        key=payment.key, kind=kind, account_id=account_id, reference=payment.reference, leg_minor=leg_minor,
        rail_minor=payment.amount_minor, detail=payment.detail,
    )
