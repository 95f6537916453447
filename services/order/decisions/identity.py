"""New ids, derived from the message that asked: the same message always gives the same id."""

from services.kernel.ids import derived
from services.kernel.messages import Message


def fresh(kind: str, message: Message) -> str:
    """`<kind>_<fresh id>`: ordered by time for a call; for a timer, whose id is no word, derived from it."""
    return f"{kind}_{message.fresh_id}" if message.fresh_id.isalnum() else derived(kind, message.fresh_id)
