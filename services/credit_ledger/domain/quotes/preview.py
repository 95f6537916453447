"""The computation behind a binding quote (U1): the very decision that would be made, made now and not kept."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.core.quote_pins import valid_until
from services.credit_ledger.domain.holds.life import release
from services.credit_ledger.domain.model.agreement import Agreement, due_total
from services.credit_ledger.domain.model.commands import PreviewRefund, PreviewRelease
from services.credit_ledger.domain.model.effects import POLICY_VERSION, CreditEffect, Preview
from services.credit_ledger.domain.refunds.posting import refund
from services.kernel.calendar import business_date
from services.kernel.errors import Defect


def preview_refund(position: Position, body: PreviewRefund) -> Preview:
    """What the refund would do. The order may not have shipped,
    or the amount be too high: then it is refused likewise."""
    return _quoted(position, refund(position, replace(body.refund, expected_account_version=0, quote_valid_until=None)))


def preview_release(position: Position, body: PreviewRelease) -> Preview:
    """What the cancel would do."""
    return _quoted(
        position, release(position, replace(body.release, expected_account_version=0, quote_valid_until=None))
    )


def _quoted(position: Position, done: Applied) -> Preview:
    """The effect with its pins."""
    effect = done.result
    if not isinstance(effect, CreditEffect):
        raise Defect(f"{effect} is no effect")
    return Preview(
        effect=effect, account_version=position.before.version, policy_version=POLICY_VERSION,
        business_date=business_date(position.at), quoted_at=position.at,
        valid_until=valid_until(position.at, position.account.next_cut_at),
        statement_due_before_minor=due_total(position.family(Agreement)),
        statement_due_after_minor=due_total(done.position.family(Agreement)),
    )
