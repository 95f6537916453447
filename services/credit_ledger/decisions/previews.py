"""Previews: what would be decided now. They change nothing, a due cut
included, and wait for sagas: their outcome would make a preview stale."""

from datetime import datetime

from services.credit_ledger.decisions.accounts import unclaimed
from services.credit_ledger.domain.log.wanted import with_share
from services.credit_ledger.domain.model.commands import PreviewRefund, PreviewRelease
from services.credit_ledger.domain.quotes.preview import preview_refund, preview_release
from services.kernel.decision import Decision, Done, Known, rule
from services.kernel.messages import Message


def _refund(known: Known, body: PreviewRefund, message: Message, now: datetime) -> Decision:
    return Decision(Done(preview_refund(unclaimed(known, message.key, now), body)))


def _release(known: Known, body: PreviewRelease, message: Message, now: datetime) -> Decision:
    return Decision(Done(preview_release(unclaimed(known, message.key, now), body)))


PREVIEWS = (
    rule(PreviewRefund, lambda body, message: with_share(body.refund), _refund),
    rule(PreviewRelease, lambda body, message: with_share(body.release), _release),
)
"""By the type of the body."""
