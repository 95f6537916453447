"""The journals of a credit account beside those that its log tells: the same, in the same order.

Between them stand journals of legs, which no operation tells: what the rail paid or returned, and what people paid by
hand or an acquirer kept. Each of these has to be of a leg of the account.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import NamedTuple

import asyncpg

from services.credit_ledger.domain.log.postings import POSTINGS
from services.credit_ledger.domain.model import books, commands
from services.credit_ledger.domain.model.leg import Rail, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.kernel.journal import Journal, Posting, Unit
from settle.audit.findings import Finding
from settle.audit.folds.differing import said
from settle.audit.folds.tables import finding

_CONTENT = slice(3, 7)
_LINES = slice(8, 11)
CLOCKS_DIFFER = timedelta(hours=1)
"""By how much the clocks of two processes may have differed at most."""

WINDOW = 200
"""How many journals are compared at once where they part, so that one that is missing is told from one that changed."""

OF_LEGS: tuple[Posting, ...] = tuple({
    posting for input_ in (commands.ReportLeg, commands.SettleLeg, commands.RecordChargeback)
    for posting in POSTINGS[input_]
} | {Posting.of("leg_bounced", Unit.CNY, (books.CARD_CHANNEL, books.BANK), (books.TRANSIT_CARD, books.TRANSIT_PAYOUT))})


class Expected(NamedTuple):
    """A journal that an operation tells. When it was posted is known to the instant if it is `exact`; `counted` is
    the number of decisions up to it, where a cut counts as a part of the next one."""

    content: tuple[object, ...]
    operation: Operation
    exact: bool
    counted: int
    decision: int
    statement: str = ""

    @property
    def at(self) -> datetime:
        """When it was posted, or the earliest that it can have been."""
        return self.operation.at

    @property
    def key(self) -> str:
        """By what it is told."""
        return f"operation {self.operation.key}"


def content_of(journal: Journal, saga_id: str) -> tuple[object, ...]:
    """All of a journal but its place and instant, as it is stored."""
    lines = journal.lines
    return (
        journal.op, journal.unit, journal.order_id, saga_id, [line[0] for line in lines], [line[1] for line in lines],
        [line[2] for line in lines],
    )


class Matching:
    """Takes the told journals and the stored ones of one account as they come, each in its order."""

    def __init__(self, check: str) -> None:
        self.findings: list[Finding] = []
        self.posted: dict[str, datetime] = {}
        """When the journals of a cut were posted, by the key of its statement."""
        self.of_legs: list[asyncpg.Record] = []
        self.version = 0
        self.counted = 0
        self._check = check
        self._told: deque[Expected] = deque()
        self._stored: deque[asyncpg.Record] = deque()
        self._decision = -1
        self._last: asyncpg.Record | None = None

    @property
    def waits(self) -> bool:
        """Whether more stored journals are needed to compare what was told."""
        return bool(self._told) and len(self._stored) < WINDOW

    def tell(self, journals: Iterable[Expected]) -> None:
        """These were told next."""
        self._told.extend(journals)

    def store(self, rows: Iterable[asyncpg.Record]) -> None:
        """These are stored next."""
        self._stored.extend(rows)

    def go_on(self, last: bool = False) -> None:
        """Compare as far as both are known; `last`: nothing more comes."""
        told, stored = self._told, self._stored
        while stored and (told or last):
            if told and content(stored[0]) == told[0].content:
                self._same(told.popleft(), stored.popleft())
            elif is_of_leg(stored[0]):
                self.of_legs.append(stored.popleft())
            elif last or min(len(told), len(stored)) >= WINDOW:
                self._part_ways()
            else:
                return
        if last:
            self.findings += [self._missing(each) for each in told]
            told.clear()

    def _same(self, told: Expected, stored: asyncpg.Record) -> None:
        version, at = stored["root_version"], stored["posted_at"]
        steps = version - self.version
        same = told.decision == self._decision
        if steps != 0 if same else steps < told.counted - self.counted:
            least = self.version + (0 if same else told.counted - self.counted)
            self.findings.append(self._differs(stored, told, "root_version", f"{least} or later", version))
        if at != told.at if told.exact else at < told.at:
            self.findings.append(self._differs(stored, told, "posted_at", said(told.at), said(at)))
        elif self._last is not None and not (same and at == self._last["posted_at"]):
            self._in_order(stored, told, same)
        if told.statement:
            self.posted[told.statement] = at
        self.version, self.counted, self._decision = version, told.counted, told.decision
        self._last = stored

    def _in_order(self, stored: asyncpg.Record, told: Expected, same: bool) -> None:
        """One decision posts at one instant, and none of a root at an earlier one than the decision before it."""
        assert self._last is not None
        before, at = self._last["posted_at"], stored["posted_at"]
        if same:
            self.findings.append(self._differs(stored, told, "posted_at", said(before), at))
        elif at < before - CLOCKS_DIFFER:
            self.findings.append(self._differs(self._last, told, "posted_at", f"{said(at)} or earlier", before))

    def _part_ways(self) -> None:
        """Tell what is missing, what is there too much, and what changed, up to where both are the same again."""
        told = [self._told.popleft() for _ in range(min(WINDOW, len(self._told)))]
        stored = [self._stored.popleft() for _ in range(min(WINDOW, len(self._stored)))]
        blocks = SequenceMatcher(
            None, [_hashable(each.content) for each in told], [_hashable(content(row)) for row in stored],
            autojunk=False,
        ).get_opcodes()
        if len(blocks) > 1 and blocks[-1][0] != "equal" and (self._told or self._stored):
            _, begin, _, from_, _ = blocks.pop()  # where they part last it is not known yet how they go on
            self._told.extendleft(reversed(told[begin:]))
            self._stored.extendleft(reversed(stored[from_:]))
        for tag, begin, end, from_, to in blocks:
            if tag == "equal":
                for one, other in zip(told[begin:end], stored[from_:to], strict=True):
                    self._same(one, other)
            else:
                self.findings += self._parted(told[begin:end], stored[from_:to])

    def _parted(self, told: list[Expected], stored: list[asyncpg.Record]) -> Iterator[Finding]:
        left = list(stored)
        for each in told:
            like = next((row for row in left if tuple(row)[_CONTENT][:3] == each.content[:3]), None)
            like = like or next((row for row in left if tuple(row)[_LINES] == each.content[4:]), None)
            if like is None:
                yield self._missing(each)
            else:
                left.remove(like)
                yield from self._changed(each, like)
        self.of_legs += [row for row in left if is_of_leg(row)]
        for row in left:
            if is_of_leg(row):
                continue
            yield finding(
                self._check, f"journals {key_of(row)}", "no journal, for no operation posts it", _text(content(row)),
                said(row["posted_at"]),
            )

    def _changed(self, told: Expected, stored: asyncpg.Record) -> Iterator[Finding]:
        names = ("op", "unit", "order_id", "saga_id", "accounts", "subs", "amounts")
        for name, expected, actual in zip(names, told.content, content(stored), strict=True):
            if expected != actual:
                yield self._differs(stored, told, name, said(expected), said(actual))

    def _missing(self, told: Expected) -> Finding:
        op, unit, order_id, *_ = told.content
        place = f"{op} {unit} {order_id}".strip()
        return finding(self._check, f"journals of {told.key}, {place}", _text(told.content), "none", said(told.at))

    def _differs(self, row: asyncpg.Record, told: Expected, name: str, expected: str, actual: object) -> Finding:
        return finding(
            self._check, f"journals {key_of(row)} {name}", f"{expected}, by {told.key}", said(actual),
            said(row["posted_at"]),
        )


def without_leg(check: str, rows: Iterable[asyncpg.Record], legs: Mapping[str, RefundLeg]) -> Iterator[Finding]:
    """The journals among these that move what no leg of the account is about."""
    sums: dict[tuple[str, str], set[int]] = {}
    for leg in legs.values():
        of_payout = books.TRANSIT_PAYOUT, leg.payout_id or leg.reference
        place = (books.TRANSIT_CARD, leg.order_id) if leg.rail is Rail.CARD else of_payout
        sums.setdefault(place, set()).update((leg.amount_minor, leg.sent_minor))
    for row in rows:
        lines = zip(row["accounts"], row["subs"], row["amounts"], strict=True)
        places = [
            ((books.TRANSIT_PAYOUT, sub) if account == books.TRANSIT_PAYOUT else (books.TRANSIT_CARD, row["order_id"]),
             abs(amount)) for account, sub, amount in lines
        ]
        if not any(amount in sums.get(place, ()) for place, amount in places):
            yield finding(
                check, f"journals {key_of(row)}", "a leg of the account that it is of", _text(content(row)),
                said(row["posted_at"]),
            )


def is_of_leg(row: asyncpg.Record) -> bool:
    """Whether a journal can be one of a leg alone."""
    return any(
        posting.op == row["op"] and posting.unit == row["unit"]
        and all(map(posting.allows, row["accounts"], row["amounts"]))
        for posting in OF_LEGS
    )


def content(row: asyncpg.Record) -> tuple[object, ...]:
    """All of a stored journal but its place and instant."""
    whole = tuple(row)
    return whole[_CONTENT] + whole[_LINES]


def key_of(row: asyncpg.Record) -> str:
    """The key of a stored journal."""
    return f"{row['root']}/{row['root_version']}/{row['no']}"


def _hashable(whole: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(tuple(each) if isinstance(each, list) else each for each in whole)


def _text(whole: tuple[object, ...]) -> str:
    op, unit, order_id, _, *lines = whole
    spread = ", ".join(
        f"{account}{{{sub}}} {amount}" if sub else f"{account} {amount}"
        for account, sub, amount in zip(*lines, strict=False)
    )
    return said(f"{op} {unit} {order_id}: {spread}")
