"""Evidence of a case (证据) and what it weighs: a notarized record most, a screenshot least (RD-34, RD-30)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from services.kernel.people import papers as different

PAPERS_MAX = 20
"""So many papers a case may have."""


class EvidenceKind(StrEnum):
    """What a paper is."""

    SCREENSHOT = "SCREENSHOT"
    TRANSACTION_RECORD = "TRANSACTION_RECORD"
    """Of the account centre (交易记录, RD-27)."""
    SCREEN_RECORDING = "SCREEN_RECORDING"
    """Of the whole operation (完整操作录屏)."""
    NOTARIZED = "NOTARIZED"
    """A notary kept it (公证存证)."""


WEIGHTS: Mapping[EvidenceKind, int] = {
    EvidenceKind.SCREENSHOT: 1, EvidenceKind.TRANSACTION_RECORD: 1, EvidenceKind.SCREEN_RECORDING: 2,
    EvidenceKind.NOTARIZED: 3,
}
"""An order, not a probability: the 92 % and 37 % of courts are statistics (1.12)."""
PROVES_OPERATION = WEIGHTS[EvidenceKind.SCREEN_RECORDING]
"""From this weight on a paper shows what was done, so something may be taken back on it (RD-30)."""


class Shows(Protocol):
    """A paper, or one that is about to be handed in."""

    @property
    def kind(self) -> EvidenceKind: ...
    @property
    def reference(self) -> str: ...


class Shown(NamedTuple):
    """A paper that somebody hands in."""

    kind: EvidenceKind
    reference: str


class Paper(NamedTuple):
    """One paper: where it is kept, who handed it in, and when."""

    kind: EvidenceKind
    reference: str
    by: str
    at: datetime


def strength(papers: Iterable[Shows]) -> int:
    """What the best of them weighs; 0 where there are none."""
    return max((WEIGHTS[paper.kind] for paper in papers), default=0)


def is_full(papers: Iterable[Shows]) -> bool:
    """Whether they are a whole chain (完整证据链): one shows what was done, another what came of it (RD-29)."""
    shown = tuple(papers)
    return strength(shown) >= PROVES_OPERATION and len(different(paper.reference for paper in shown)) >= 2


def has(papers: Iterable[Shows], reference: str) -> bool:
    """Whether a paper is among them already, however its reference is written."""
    return different([reference])[0] in different(paper.reference for paper in papers)
