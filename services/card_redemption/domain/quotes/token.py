"""The token of an offer: its signature, and the guard that holds whoever accepts it to exactly that (U1, FE-7).

A token is the content as JSON and 32 bytes of HMAC-SHA256 after it. Whoever accepts it gets the quoted offer, or
QUOTE_STALE: the offer is made again by the terms and working days of that instant, and has to be the same.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.card_redemption.domain.quotes.offer import Offer
from services.kernel.calendar import TICK, business_date, end_of
from services.kernel.errors import Aborted, InvalidArgument

HOLDS = timedelta(minutes=10)
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class QuoteContent:
    """What a token promises to this customer, for this face in this channel: the offer with the digest, until then."""

    customer_id: str
    channel: str
    face_minor: int
    method: str
    digest: str
    valid_until: datetime


def quoted(offer: Offer, now: datetime) -> QuoteContent:
    """The promise of an offer. It holds ten minutes and its last instant, but not past the midnight of Shanghai: T+1
    is another day then."""
    asked = offer.asked
    return QuoteContent(
        customer_id=asked.customer_id, channel=offer.terms.channel, face_minor=asked.face_minor,
        method=asked.method.value, digest=offer.digest,
        valid_until=min(now + HOLDS, end_of(business_date(now)) - TICK),
    )


def sign(content: QuoteContent, key: bytes) -> bytes:
    """The token of a quote."""
    fields = [
        content.customer_id, content.channel, content.face_minor, content.method, content.digest,
        content.valid_until.isoformat(),
    ]
    text = json.dumps(fields, separators=(",", ":")).encode()
    return text + _mac(text, key)


def read(token: bytes, key: bytes) -> QuoteContent | None:
    """The content of a token of ours, or None for no token; QUOTE_INVALID for anything else."""
    if not token:
        return None
    text, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(text, key)):
        raise InvalidArgument("QUOTE_INVALID", "the quote is not ours")
    customer_id, channel, face_minor, method, digest, until = json.loads(text)
    return QuoteContent(
        customer_id=customer_id, channel=channel, face_minor=face_minor, method=method, digest=digest,
        valid_until=datetime.fromisoformat(until),
    )


def must_hold(quote: QuoteContent, now_offered: Offer, now: datetime) -> None:
    """Refuse what the quote does not promise (QUOTE_INVALID), or no longer promises (QUOTE_STALE). `now_offered` is
    what the same card is offered at this instant."""
    asked = now_offered.asked
    other = [name for name, quoted_as, named in (
        ("customer", quote.customer_id, asked.customer_id), ("channel", quote.channel, now_offered.terms.channel),
        ("face", quote.face_minor, asked.face_minor), ("payout method", quote.method, asked.method.value),
    ) if quoted_as != named]
    if other:
        raise InvalidArgument("QUOTE_INVALID", f"the quote is for another {' and '.join(other)}")
    must_be_the_same(quote.channel, quote.digest, quote.valid_until, now_offered=now_offered, now=now)


def must_be_the_same(channel: str, digest: str, valid_until: datetime, *, now_offered: Offer, now: datetime) -> None:
    """Refuse a promise that is over, or that nobody makes any more (QUOTE_STALE)."""
    if now > valid_until:
        raise Aborted("QUOTE_STALE", f"the quote was good until {valid_until.isoformat()}: ask for another")
    if digest != now_offered.digest:
        raise Aborted("QUOTE_STALE", f"{channel} offers something else by now: ask for another quote")


def _mac(text: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"redemption quote\0" + text, hashlib.sha256).digest()
