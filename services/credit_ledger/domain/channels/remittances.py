"""A recycling channel remits what it owes card_redemption; the other leg goes over X.CLEARING (P29)."""

from dataclasses import replace

from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.channel import RecyclingChannel
from services.kernel.journal import Journal, Unit, post

OP = "channel_remit"


def received(channel: RecyclingChannel, amount: int, saga_id: str) -> tuple[RecyclingChannel, tuple[Journal, ...]]:
    """The channel with this much more remitted, and its journal."""
    after = replace(
        channel, received_minor=channel.received_minor + amount, sequence=channel.sequence + 1,
        version=channel.version + 1,
    )
    return after, post(OP, Unit.CNY, ((books.BANK, "", amount), (books.CLEARING, saga_id, -amount)))
