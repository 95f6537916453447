"""The binding quote: what it pins, its signature, and the guard that accepts it (U1, FE-7).

A token is the content as JSON and 32 bytes of HMAC-SHA256 after it. Whoever accepts it gets exactly the quoted result,
or QUOTE_STALE: the order's version is compared here, the account's version and the time again in the credit ledger,
inside the decision that carries the refund out.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kernel.calendar import TICK, business_date, end_of
from services.kernel.errors import Aborted, InvalidArgument
from services.order.domain.lines import LineAmount, LineQuantity

POLICY_VERSION = 1
"""The version of the rules that a quote was computed by."""

QUOTE_MINUTES_MAX = 10
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class QuoteContent:
    """What a quote promises: this amount for these units, at these versions, until then. `digest` stands for the whole
    result, `kind` is "cancellation" or "refund"; `amounts` are deductions by line, or the price reduction of one."""

    order_id: str
    kind: str
    amount_minor: int
    lines: tuple[LineQuantity, ...]
    order_version: int
    account_version: int
    valid_until: datetime
    digest: str
    policy_version: int = POLICY_VERSION
    amounts: tuple[LineAmount, ...] = ()


def valid_until(now: datetime) -> datetime:
    """How long a quote holds in which no credit account takes part: ten minutes, but not past midnight."""
    return min(now + timedelta(minutes=QUOTE_MINUTES_MAX), end_of(business_date(now)))


def sign(content: QuoteContent, key: bytes) -> bytes:
    """The token of a quote."""
    fields = [
        content.order_id, content.kind, content.amount_minor, [list(line) for line in content.lines],
        content.order_version, content.account_version, content.valid_until.isoformat(), content.digest,
        content.policy_version,
    ]
    if content.amounts:
        fields.append([list(amount) for amount in content.amounts])
    text = json.dumps(fields, separators=(",", ":")).encode()
    return text + _mac(text, key)


def read(token: bytes, key: bytes) -> QuoteContent | None:
    """The content of a token of ours, or None for no token; QUOTE_INVALID for anything else."""
    if not token:
        return None
    text, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(text, key)):
        raise InvalidArgument("QUOTE_INVALID", "the quote is not ours")
    order_id, kind, amount, lines, order_version, account_version, until, digest, policy, *more = json.loads(text)
    units = tuple(LineQuantity(line_id, quantity) for line_id, quantity in lines)
    return QuoteContent(
        order_id=order_id, kind=kind, amount_minor=amount, lines=units, order_version=order_version,
        account_version=account_version, valid_until=datetime.fromisoformat(until), digest=digest,
        policy_version=policy,
        amounts=tuple(LineAmount(line_id, of_line) for line_id, of_line in more[0]) if more else (),
    )


def check_quote(
    quote: QuoteContent, *, kind: str, order_id: str, version: int, amount_minor: int, lines: tuple[LineQuantity, ...],
    amounts: tuple[LineAmount, ...] = (), now: datetime,
) -> None:
    """Refuse what the quote does not promise (QUOTE_INVALID), or no longer promises (QUOTE_STALE). `valid_until` itself
    is still inside (CV-9), unless it is the midnight that ends the fee day."""
    if (quote.order_id, quote.kind) != (order_id, kind):
        raise InvalidArgument("QUOTE_INVALID", "the quote is for something else")
    if quote.order_version != version or quote.policy_version != POLICY_VERSION:
        raise Aborted("QUOTE_STALE", "the order has moved", {"order_version": str(version)})
    if quote.amount_minor != amount_minor or sorted(quote.lines) != sorted(lines):
        raise InvalidArgument("QUOTE_INVALID", f"the quote is for {quote.amount_minor} of other units")
    if sorted(quote.amounts) != sorted(amounts):
        raise InvalidArgument("QUOTE_INVALID", "the quote is for other deductions, or another price reduction")
    if now > quote.valid_until or business_date(now) != business_date(quote.valid_until - TICK):
        raise Aborted("QUOTE_STALE", f"it was good until {quote.valid_until.isoformat()}")


def _mac(text: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"refund quote\0" + text, hashlib.sha256).digest()
