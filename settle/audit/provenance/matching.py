"""Which operations of an account's log each of its decisions carried out, by their order and by what each posts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from services.credit_ledger.domain.log.postings import POSTINGS
from services.credit_ledger.domain.model.commands import CutStatement, ReportLeg
from services.kernel.journal import Posting
from settle.audit.provenance.words import Decided, Line, Logged, Posted

_BY_KIND: Mapping[str, tuple[Posting, ...]] = {kind.__name__: rows for kind, rows in POSTINGS.items()}
CUT, RAIL = CutStatement.__name__, ReportLeg.__name__


class Matched(NamedTuple):
    """One decision with the operations that it logged; `passed` are those in front of them that posted nothing."""

    decision: Decided
    operations: Sequence[Logged]
    passed: Sequence[Logged]


def matched(log: Sequence[Logged], decisions: Sequence[Decided]) -> Iterator[Matched]:
    """Every decision in its order, each with its stretch of the log; at last what of the log is left, as `passed` of a
    decision without journals."""
    at, last_of = 0, {operation.saga_id: place for place, operation in enumerate(log) if operation.saga_id}
    for decision in decisions:
        own = _own(log, at, decision, last_of)
        end = own[-1] + 1 if own else at
        chosen = set(own)
        yield Matched(
            decision, [log[place] for place in own], [log[place] for place in range(at, end) if place not in chosen]
        )
        at = max(at, end)
    if at < len(log):
        root = log[at].account_id
        yield Matched(Decided(root, 0, "", log[-1].at, ()), (), log[at:])


def allowed(kind: str, journal: Posted) -> bool:
    """Whether an input of this kind posts such a journal: its code, its unit, and the side of every account."""
    return has_code(kind, journal.op, journal.unit) and not strange_lines((kind,), journal)


def strange_lines(kinds: Sequence[str], journal: Posted) -> list[Line]:
    """The lines that none of these inputs posts under the journal's code; all, where none has such a code."""
    debits, credits_ = _sides(tuple(kinds), journal.op, journal.unit)
    return [line for line in journal.lines if line[0] not in (debits if line[2] > 0 else credits_)]


@cache
def _sides(kinds: Sequence[str], op: str, unit: str) -> tuple[frozenset[str], frozenset[str]]:
    """What these inputs debit and credit under a code."""
    rows = [row for kind in kinds for row in _BY_KIND.get(kind, ()) if (row.op, row.unit) == (op, unit)]
    empty: frozenset[str] = frozenset()
    return empty.union(*(row.debited for row in rows)), empty.union(*(row.credited for row in rows))


@cache
def has_code(kind: str, op: str, unit: str) -> bool:
    """Whether an input of this kind posts anything under this code and unit."""
    return any((row.op, row.unit) == (op, unit) for row in _BY_KIND.get(kind, ()))


def _own(log: Sequence[Logged], at: int, decision: Decided, last_of: Mapping[str, int]) -> list[int]:
    """The places in the log of what this decision logged. A settlement says so itself; of the others the instant does,
    the cuts that they made on the way in front of them."""
    if decision.saga_id:
        last = last_of.get(decision.saga_id, -1)
        first = last
        while first >= max(at, 1) and log[first - 1].saga_id == decision.saga_id:
            first -= 1
        return list(range(first, last + 1)) if last >= at else []
    needed = [journal for journal in decision.journals if not (_by_cut(journal) or allowed(RAIL, journal))]
    mains = _mains(log, at, decision, needed)
    if not mains and not any(map(_by_cut, decision.journals)):
        return []
    return _cuts(log, at, mains[0] if mains else len(log), decision) + mains


def _mains(log: Sequence[Logged], at: int, decision: Decided, needed: Sequence[Posted]) -> list[int]:
    """The operations of the decision's instant that post what no cut and no rail does, each the next that can."""
    found: list[int] = []
    for journal in needed:
        if any(has_code(log[place].kind, journal.op, journal.unit) for place in found):
            continue
        start = found[-1] + 1 if found else at
        for place in range(start, len(log)):
            operation = log[place]
            if operation.saga_id == "" and operation.kind != CUT and operation.at > decision.posted_at:
                break
            ours = not operation.saga_id and operation.at == decision.posted_at
            if ours and has_code(operation.kind, journal.op, journal.unit):
                found.append(place)
                break
    return found


def _cuts(log: Sequence[Logged], at: int, end: int, decision: Decided) -> list[int]:
    """The cuts that the decision made: the last ones in front of its own operation, or those that come next."""
    places: list[int] = []
    if end < len(log):
        while end > at and _is_cut(log[end - 1], decision):
            end -= 1
            places.insert(0, end)
        return places
    while at < len(log) and not (log[at].kind == CUT or places):
        at += 1
    while at < len(log) and _is_cut(log[at], decision):
        places.append(at)
        at += 1
    return places


def _is_cut(operation: Logged, decision: Decided) -> bool:
    return operation.kind == CUT and not operation.saga_id and operation.at <= decision.posted_at


def _by_cut(journal: Posted) -> bool:
    return has_code(CUT, journal.op, journal.unit)
