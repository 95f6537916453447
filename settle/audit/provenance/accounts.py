"""Accounts: every journal was posted by an operation of the log or by the word of a rail, every operation that moves
money has its journals, and every input was told by its event (DOMAIN 3.2)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.credit_ledger.domain.log.postings import SUBS, TOLD
from services.credit_ledger.domain.model import books
from settle.audit.findings import CREDIT, Finding
from settle.audit.folds import credit_operations, credit_rows
from settle.audit.provenance.matching import CUT, RAIL, Matched, has_code, matched, strange_lines
from settle.audit.provenance.words import (
    Logged,
    Posted,
    Told,
    decisions,
    events,
    finding,
    inconsistent,
    said,
    sums,
)
from settle.audit.shared_reads import once, pages_of
from settle.audit.snapshots import World

JOURNALS, EVENTS = "provenance.journals", "provenance.events"
_SEVERAL = frozenset({"chargeback_kept", "deposit", "deposit_return"})
"""What a chargeback posts once for each leg that was on its way."""

_FIGURES = (
    (books.AVAILABLE, "AVAILABLE", 1), (books.HELD, "HELD", 1), (books.USED, "USED", 1), (books.WALLET, "WALLET", -1),
    (books.CREDIT_BALANCE, "CREDIT_BALANCE", -1),
)
_PRINCIPAL = (books.LOAN_BILLED, books.LOAN_UNBILLED)
_BOOKED = frozenset((*(account for account, _, _ in _FIGURES), *_PRINCIPAL))
_GROUPS = {
    told.__name__: "/".join(sorted(each.__name__ for each in row))
    for row in sorted(TOLD.values(), key=len) for told in row
}
"""By event, the events of which one tells the same input: an accepted refund, posted or waiting for its network."""

_TELLS = {kind.__name__: told[0].__name__ for kind, told in TOLD.items()}


async def journals(world: World, ids: Sequence[str]) -> list[Finding]:
    """Journals that no operation of their account explains, and operations that did not move what they say."""
    logs, decided = await _logs(world, ids), await decisions(world, CREDIT, ids)
    merchants = {
        (row["account_id"], row["key"]): row["merchant_id"]
        async for page in pages_of(world, CREDIT, credit_rows.AGREEMENTS.query, ids) for row in page
    }
    return [
        found for account_id in ids for each in matched(logs.get(account_id, ()), decided.get(account_id, ()))
        for found in (*_strange(each, merchants), *_amiss(each))
    ]


async def told(world: World, ids: Sequence[str]) -> list[Finding]:
    """Inputs that no event tells, and events that tell of no input."""
    logs, heard = await _logs(world, ids), await events(world, CREDIT, ids)
    return [
        found for account_id in ids for found in _untold(logs.get(account_id, ()), heard.get(account_id, ()))
    ]


@once
async def _logs(world: World, ids: Sequence[str]) -> dict[str, list[Logged]]:
    """The logs of accounts."""
    logs: dict[str, list[Logged]] = {}
    async for page in pages_of(world, CREDIT, credit_operations.QUERY, ids):
        for row in page:
            account_id, number, _, kind, at, order_id, reference, saga_id, _, _, moved, _ = row
            logs.setdefault(account_id, []).append(
                Logged(
                    account_id, number, kind, at, order_id, reference=reference, saga_id=saga_id, said_moved=moved,
                )
            )
    return logs


def _strange(each: Matched, merchants: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    """What of a decision's journals is nobody's, twice there, or on the sub-account of another."""
    decision = each.decision
    kinds = [operation.kind for operation in each.operations] + ([RAIL] if not decision.saga_id else [])
    for journal in inconsistent(decision):
        expected = f"of {decision.saga_id or 'no settlement'} at {decision.posted_at}, as its decision"
        yield _about(journal, expected, f"of {journal.saga_id or 'no settlement'} at {journal.posted_at}")
    for journal in decision.journals:
        lines = strange_lines(kinds, journal)
        if lines or not journal.lines:
            yield _about(journal, f"what {_by(each)} posts", f"{said(lines)} of nobody")
            continue
        posting = [kind for kind in kinds if has_code(kind, journal.op, journal.unit)]
        yield from _of_another(journal, each, merchants, posting)
    yield from _repeated(each, kinds)


def _repeated(each: Matched, kinds: Sequence[str]) -> Iterator[Finding]:
    """Codes that a decision posted more often for an order than it has operations that post them."""
    posted = [(journal.op, journal.unit, journal.order_id) for journal in each.decision.journals]
    if len(set(posted)) < len(posted):
        for (op, unit, order_id), times in Counter(posted).items():
            if op not in _SEVERAL and times > sum(has_code(kind, op, unit) for kind in kinds):
                last = len(posted) - 1 - posted[::-1].index((op, unit, order_id))
                yield _about(each.decision.journals[last], f"once, for {_by(each)}", f"{times} times")


def _of_another(
    journal: Posted, each: Matched, merchants: Mapping[tuple[str, str], str], posting: Sequence[str]
) -> Iterator[Finding]:
    """An order that is not the operation's, or a sub-account that is somebody else's."""
    merchant = merchants.get((journal.root, journal.order_id))
    if CUT not in posting and RAIL not in posting:
        orders = {operation.order_id for operation in each.operations if operation.kind in posting}
        if journal.order_id not in orders:
            expected = " or ".join(sorted(filter(None, orders)))
            yield _about(journal, f"for {expected or 'nothing'}", f"for {journal.order_id or 'nothing'}")
    elif CUT in posting and journal.order_id and merchant is None:
        yield _about(journal, f"for an order of {journal.root}", f"for {journal.order_id}")
    names = {
        "": "", "account": journal.root, "merchant": merchant, "order": journal.order_id, "settlement": journal.saga_id,
    }
    for account, sub, _ in journal.lines:
        named = SUBS.get(account, "")
        if sub != names.get(named, sub):
            yield _about(journal, f"{account} of {names[named] or 'nobody'}", f"{sub or 'nobody'}")


def _amiss(each: Matched) -> Iterator[Finding]:
    """Operations whose figures are not what the journals of their decision moved."""
    decision = each.decision
    for operation in each.passed:
        if operation.moved:
            said = f"journals of {dict(operation.moved)}"
            yield finding(JOURNALS, CREDIT, operation.key, said, "none", at=operation.at)
    moved: dict[str, int] = {}
    for operation in each.operations:
        for name, amount in operation.moved:
            moved[name] = moved.get(name, 0) + amount
    booked = sums(decision.journals, _BOOKED)
    for account, name, sign in _FIGURES:
        if (posted := sign * booked.get(account, 0)) != moved.get(name, 0):
            where = f"{_by(each)}, journals {decision.root}/{decision.version}"
            yield finding(
                JOURNALS, CREDIT, where, f"{name} moved by {moved.get(name, 0)}", f"by {posted}", at=decision.posted_at
            )
    owed = sum(booked.get(account, 0) for account in _PRINCIPAL) - booked.get(books.USED, 0)
    if owed:
        where = f"journals {decision.root}/{decision.version}"
        expected = "as much principal as used limit"
        yield finding(JOURNALS, CREDIT, where, expected, f"{owed} more principal", at=decision.posted_at)


def _by(each: Matched) -> str:
    return ", ".join(operation.key for operation in each.operations) or "no operation"


def _untold(log: Sequence[Logged], events_of: Sequence[Told]) -> Iterator[Finding]:
    """The first input without its event, or event without its input; in front of what was pruned nothing is known."""
    expected = [_Input(_GROUPS[_TELLS[row.kind]], row.saga_id, row) for row in log if row.kind in _TELLS]
    actual = [_Input(_GROUPS[row.type], row.saga_id, row) for row in events_of if row.type in _GROUPS]
    if any(row.pruned for row in events_of):
        actual = [row for row in actual if row.row.at > events_of[0].at]
        expected = expected[len(expected) - len(actual):] if len(actual) <= len(expected) else expected
    ordered, heard = _in_order(expected), _in_order(actual)
    for entry, heard_of in zip(ordered, heard, strict=False):
        if (entry.told, entry.saga_id) != (heard_of.told, heard_of.saga_id) or _late(entry.row, heard_of.row):
            instead = f"{heard_of.row.key} at {heard_of.row.at}"
            yield finding(EVENTS, CREDIT, entry.row.key, f"{entry.told} of it", instead, at=entry.row.at)
            return
    for entry in ordered[len(heard):][:1]:
        yield finding(EVENTS, CREDIT, entry.row.key, f"{entry.told} of it", "no event", at=entry.row.at)
    for heard_of in heard[len(ordered):][:1]:
        yield finding(EVENTS, CREDIT, heard_of.row.key, "an operation that it tells", "none", at=heard_of.row.at)


class _Input(NamedTuple):
    told: str
    saga_id: str
    row: Logged | Told


def _late(entry: Logged | Told, heard: Logged | Told) -> bool:
    """Whether an event that is of no settlement and of no cut tells of another instant than its input's."""
    return isinstance(entry, Logged) and not entry.saga_id and entry.kind != CUT and entry.at != heard.at


def _in_order(rows: Sequence[_Input]) -> list[_Input]:
    """The rows in their order, those of one settlement beside each other by name."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row.saga_id:
            first.setdefault(row.saga_id, place)
    return [
        row for _, _, _, row in sorted(
            (first.get(row.saga_id, place), row.told if row.saga_id else "", place, row)
            for place, row in enumerate(rows)
        )
    ]


def _about(journal: Posted, expected: str, actual: str) -> Finding:
    return finding(JOURNALS, CREDIT, journal.key, expected, actual, at=journal.posted_at)
