"""References to evidence, each with its type before a colon: SCREEN_RECORDING:film-1."""

from collections.abc import Iterable


def kinds_shown(papers: Iterable[str]) -> frozenset[str]:
    """The types of those that refer to something: a type alone shows nothing (EVIDENCE_MISSING, RD-30)."""
    parts = (paper.partition(":") for paper in papers)
    return frozenset(kind for kind, _, reference in parts if reference.strip())
