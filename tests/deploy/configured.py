"""What compose.yaml and the chart set, held to what a process knows."""

import re
from collections.abc import Iterable
from dataclasses import fields

from services.runtime.ground.settings import Settings

_KNOWN = {f"SETTLE_{known.name.upper()}" for known in fields(Settings)}
_PATTERNS = re.compile(
    r"SETTLE_(ORDER|CREDIT_LEDGER|CARD_REDEMPTION|ACQUIRER|VERIFIER)_(TARGET|DSN|DATA)|SETTLE_AUDIT_(DATA|PERCENT)"
    r"|SETTLE_REFUND_(CUSTOMER|MERCHANT)_DAY_(COUNT|MINOR)_MAX"
    r"|SETTLE_(QUOTE|DRAFT|CARD_INDEX|CARD_VERIFICATION|CHAIN|IDENTITY)_KEY|SETTLE_(CARD|MAC_(ORDER|CREDIT_LEDGER|CARD_REDEMPTION|AUDIT))_KEYS|SETTLE_KAFKA_PASSWORD"
)


def unknown(names: Iterable[str]) -> list[str]:
    """The settings among these that no process reads: misspelt, or gone."""
    ours = {name for name in names if name.startswith("SETTLE_")}
    return sorted(name for name in ours - _KNOWN if not _PATTERNS.fullmatch(name))
