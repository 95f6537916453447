"""The two steps of a submission: a signed draft, and the guard that confirms it (RD-24, OP-12).

A draft has no state at the server: its token is the content as JSON and 32 bytes of HMAC-SHA256 after it, which leaves
the service sealed (`vault/drafting.py`). The code of another issuer's card travels in it only as the envelope in which
it is stored.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from services.card_redemption.domain.codes import Envelope, SealedCode
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.kernel.errors import Aborted, FailedPrecondition, InvalidArgument
from services.kernel.ids import derived

DWELL_MIN = timedelta(seconds=2)
"""So long somebody has to look at what he is about to do (78.3 % click on at once)."""
CONFIRM_WITHIN = timedelta(minutes=15)
"""So long a draft can be confirmed; its last instant counts (CV-9)."""
BUFFER = timedelta(seconds=180)
"""So long a recycler leaves a code alone that its customer may still take back (第三方平台为3-8分钟)."""
RISKY_SCORE = 50
RISK_DELAY = timedelta(seconds=60)
"""From this score of risk control on, the verification begins so much later (延迟关键操作执行)."""
_MAC_BYTES = 32
_INSTANTS = ("prepared_at", "scheduled_at", "deadline", "quoted_until")


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody is about to submit. `nonce` makes one redemption of one draft; `evidence` are references to what
    the channel demands. The code is known by its `blind_index`; `code` and `verification` are the envelopes of both
    codes of another issuer's card. One that accepts a quote has the digest of that offer, and how long it holds."""

    nonce: str
    customer_id: str
    account_id: str
    card_id: str
    issuer: str
    declared_minor: int
    channel: str
    terms_version: int
    method: PayoutMethod
    instrument: str
    entry: EntryChannel
    prepared_at: datetime
    risk_score: int = 0
    scheduled_at: datetime | None = None
    deadline: datetime | None = None
    agreement_id: str = ""
    evidence: tuple[str, ...] = ()
    blind_index: str = ""
    code: SealedCode | None = None
    verification: Envelope | None = None
    quoted: str = ""
    quoted_until: datetime | None = None

    @property
    def confirm_until(self) -> datetime:
        """The last instant at which it can be confirmed."""
        until = self.prepared_at + CONFIRM_WITHIN
        return until if self.quoted_until is None else min(until, self.quoted_until)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The answer to a draft: its token, what it promises under these terms, and when it may be confirmed."""

    token: bytes
    draft: Draft
    terms: ChannelPolicy
    confirm_from: datetime
    confirm_until: datetime


def redemption_name(nonce: str) -> str:
    """The redemption that a draft becomes."""
    return derived("rdm", nonce)


def sign(draft: Draft, key: bytes) -> bytes:
    """The token of a draft."""
    text = json.dumps(asdict(draft), separators=(",", ":"), default=_written).encode()
    return text + _mac(text, key)


def read(token: bytes, key: bytes) -> Draft:
    """The content of a token of ours; DRAFT_INVALID for anything else."""
    text, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(text, key)):
        raise InvalidArgument("DRAFT_INVALID", "the draft is not ours")
    fields: dict[str, Any] = json.loads(text)  # Any: as it was written above
    fields |= {name: datetime.fromisoformat(fields[name]) for name in _INSTANTS if fields[name] is not None}
    code, verification = fields["code"], fields["verification"]
    return Draft(**fields | {
        "method": PayoutMethod(fields["method"]), "entry": EntryChannel(fields["entry"]),
        "evidence": tuple(fields["evidence"]), "verification": verification and _envelope(verification),
        "code": code and SealedCode(code["blind_index"], code["last4"], _envelope(code["envelope"])),
    })


def _written(value: object) -> str:
    """An instant, or bytes, in JSON."""
    return value.isoformat() if isinstance(value, datetime) else base64.b64encode(cast(bytes, value)).decode()


def _envelope(fields: dict[str, Any]) -> Envelope:  # Any: as they were written
    wrapped, sealed = (base64.b64decode(fields[name]) for name in ("wrapped_key", "sealed"))
    return Envelope(fields["key_version"], wrapped, sealed)


def must_be_confirmable(draft: Draft, terms: ChannelPolicy, now: datetime) -> None:
    """Not faster than somebody can read, not later than the draft holds, and under the terms that were shown."""
    if now > draft.confirm_until:
        told = f"it was good until {draft.confirm_until.isoformat()}: prepare it again"
        raise FailedPrecondition("DRAFT_EXPIRED", told)
    if now < (earliest := draft.prepared_at + dwell(terms)):
        told = f"not before {earliest.isoformat()}: confirm it then, with a new request id"
        raise FailedPrecondition("CONFIRMED_TOO_FAST", told)
    if terms.version != draft.terms_version:
        raise Aborted("TERMS_CHANGED", f"{draft.channel} has other terms by now: prepare it again")


def dwell(terms: ChannelPolicy) -> timedelta:
    """How long one has to look at a draft; where an operator leads every order through its steps, not at all."""
    return timedelta() if terms.by_hand else DWELL_MIN


def verified_from(draft: Draft, terms: ChannelPolicy, accepted_at: datetime) -> datetime:
    """When its verification begins: a recycler leaves time to take it back, and risk control may ask for more."""
    buffer = min(BUFFER, terms.window) if terms.window is not None and terms.kind is Kind.THIRD_PARTY else timedelta()
    return accepted_at + buffer + (RISK_DELAY if draft.risk_score >= RISKY_SCORE else timedelta())


def _mac(text: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"redemption draft\0" + text, hashlib.sha256).digest()
