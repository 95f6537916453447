"""One credit account while it is told, and what of it is not as it was told."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from services.credit_ledger.domain.log.history import History, Told
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.together import Decided, Together
from services.credit_ledger.domain.model.commands import CutStatement, RerouteLeg, ReverseRefund
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation, operation_key
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.statement import Statement, statement_key
from services.kernel.decision import Missing
from services.kernel.errors import Defect, SettlementError
from settle.audit.findings import Finding
from settle.audit.folds import credit_beside, credit_journals, credit_operations, credit_rows
from settle.audit.folds.credit_journals import CLOCKS_DIFFER, Expected, Matching, content_of
from settle.audit.folds.credit_operations import Link
from settle.audit.folds.differing import Difference, said
from settle.audit.folds.streams import Stream
from settle.audit.folds.tables import Table, compared, finding, missing, unasked
from settle.audit.snapshots import Connection

FOLD = "accounts.fold"
ABSENT_MAX = 10
"""So many operations are named that are missing in front of one."""

IN_THE_LOG = "an operation of the log was changed, added or deleted"
TAKEN_IN = ("deposit", "deposit_return")
"""What a leg of a rejected order posts with its first end. No log tells whether a leg that is rerouted ended before,
paid by a rail that took the payment back (PM-5): they are looked for as journals of the leg."""
IMPOSSIBLE = (
    SettlementError, Defect, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, msgspec.MsgspecError,
)
"""What the rules raise at an input that their account cannot have accepted: the log was changed."""


class Account:
    """One account while it is told."""

    def __init__(self, connection: Connection, account_id: str) -> None:
        self.history = History(APPLY)
        self._connection, self._id = connection, account_id
        self._together = Together(self.history)
        self._matching = Matching(FOLD)
        self._links: dict[int, Link] = {}
        self._findings: list[Finding] = []
        self._number = self._decision = self._least = 0
        self._last: datetime | None = None
        self._decided: datetime | None = None
        self._saga = ""
        self._cuts: list[str] = []
        self._issued: dict[str, tuple[datetime, datetime | None]] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return self._findings + self._matching.findings

    async def tell_all(self, operations: Stream, journals: Stream) -> None:
        """Tell the whole log, and hold its operations and journals against what was told."""
        while rows := await operations.take(self._id):
            for row in rows:
                await self._take(row)
            while self._matching.waits and (more := await journals.take(self._id)):
                self._matching.store(more)
                self._matching.go_on()
        for decided in self._together.rest():
            await self._tell(decided)
        while more := await journals.take(self._id):
            self._matching.store(more)
            self._matching.go_on()
        self._matching.go_on(last=True)
        legs = self.history.rows.all(RefundLeg)
        self._findings += credit_journals.without_leg(FOLD, self._matching.of_legs, legs)

    def compare_account(self, row: asyncpg.Record) -> None:
        """The account's own row, and whether its log ends where it says."""
        table, told = credit_rows.ACCOUNTS, self.history.account
        self._absent(row["operations"] + 1, self._last)
        if told is None:
            self._findings.append(unasked(FOLD, table.name, self._id))
            return
        self._found(table.name, self._id, compared(table, row, told), self._last)
        least = self._matching.version + self._least - self._matching.counted
        if row["version"] < least:
            difference = Difference("version", f"{least} or later", said(row["version"]))
            self._found(table.name, self._id, [difference], self._last)

    async def compare_rows(self, table: Table, stream: Stream) -> None:
        """The rows of one table: those that were told and no others, each as it was told."""
        told: dict[str, Any] = self.history.rows.all(table.kind)
        while rows := await stream.take(self._id):
            for row in rows:
                key = statement_key(self._id, row["bill_date"]) if table.kind is Statement else row["key"]
                if key in told:
                    since = self.history.touched[table.kind, key].at
                    self._found(table.name, key, self._compared(table, row, key, told.pop(key)), since)
                else:
                    self._findings.append(unasked(FOLD, table.name, key))
        for key in told:
            self._findings.append(missing(FOLD, table.name, key, said(self.history.touched[table.kind, key].at)))

    async def _take(self, row: asyncpg.Record) -> None:
        """Take the next operation of the log, and tell what can be told by now."""
        number, at = row["number"], row["at"]
        if number != self._number + 1:
            self._absent(number, at)
        self._number, self._last = number, at
        try:
            link = credit_operations.link_of(row)
        except credit_operations.UNREADABLE as error:
            self._impossible(number, row["kind"], error, at)
            return
        self._links[number] = link
        is_reversal = isinstance(link.operation.body, ReverseRefund)
        issued = await credit_beside.issued_with(self._connection, link.operation) if is_reversal else ()
        for decided in self._together.take(link.operation, issued):
            await self._tell(decided)

    def _absent(self, number: int, at: datetime | None) -> None:
        """Name the operations that are missing in front of a number."""
        for absent in range(self._number + 1, min(number, self._number + 1 + ABSENT_MAX)):
            key = operation_key(self._id, absent)
            self._findings.append(missing(FOLD, "operations", key, said(at) if at else ""))

    async def _tell(self, decided: Decided) -> None:
        last = decided[-1]
        links = [self._links.pop(operation.number) for operation in decided]
        try:
            told = await self._undone(decided) if isinstance(last.body, ReverseRefund) else self.history.tell(decided)
        except IMPOSSIBLE as error:
            self._impossible(last.number, last.kind, error, last.at)
            return
        self._compare_operations(links, told)
        self._in_order(last)
        self._note(decided)
        self._expect(last, told)

    async def _undone(self, decided: Decided) -> Told:
        """What a reversal came to; it says what it has to see of the log."""
        beside = await credit_beside.beside(self._connection, decided[-1])
        try:
            while True:
                try:
                    return self.history.tell(decided, beside)
                except Missing as more:
                    keys = [key for _, key in more.rows]
                    self.history.rows.load(Operation, await credit_beside.lent(self._connection, keys), keys)
        finally:
            self.history.rows.give_back()

    def _compare_operations(self, links: Sequence[Link], told: Told) -> None:
        account, last = self.history.account, links[-1].operation
        assert account is not None
        unlogged = len(told.operations) - len(links)
        if unlogged:
            expected = "a CutStatement in front of it" if unlogged > 0 else "no operation, for it changes nothing"
            self._found("operations", last.key, [Difference("", expected, last.kind)], last.at)
        if unlogged >= 0:
            for link, operation in zip(links, told.operations[unlogged:], strict=True):
                if differences := [*credit_operations.compared(link, operation)]:
                    self._found("operations", link.operation.key, differences, operation.at)
        if differences := [*credit_operations.named(last, account, self.history.rows)]:
            self._found("operations", last.key, differences, last.at)

    def _in_order(self, last: Operation) -> None:
        """No decision of an account is at an earlier instant than the one before; a cut is of when it was due."""
        if isinstance(last.body, CutStatement):
            return
        if self._decided is not None and last.at < self._decided - CLOCKS_DIFFER:
            difference = Difference("at", f"{said(self._decided)} or later", said(last.at))
            self._found("operations", last.key, [difference], last.at)
        self._decided = last.at

    def _note(self, decided: Decided) -> None:
        """Note between which instants the statement of a cut was issued: until what comes next was decided."""
        last = decided[-1]
        if isinstance(last.body, CutStatement):
            key = statement_key(self._id, last.body.bill_date)
            self._issued[key] = last.at, None
            self._cuts.append(key)
        else:
            for key in self._cuts:
                self._issued[key] = self._issued[key][0], last.at
            self._cuts.clear()

    def _expect(self, last: Operation, told: Told) -> None:
        """These journals have to be stored."""
        is_cut, rerouted = isinstance(last.body, CutStatement), isinstance(last.body, RerouteLeg)
        if is_cut or not last.saga_id or last.saga_id != self._saga:  # a settlement's operations are one decision
            self._decision += 1
            self._least += not is_cut
        if not is_cut:
            self._saga = last.saga_id
        exact = not is_cut and not last.saga_id
        self._matching.tell([
            Expected(
                content_of(journal, last.saga_id), last, exact, self._least + is_cut, self._decision,
                statement=last.reference if is_cut else "",
            ) for journal in told.journals if not (rerouted and journal.op in TAKEN_IN)
        ])

    def _compared(self, table: Table, row: asyncpg.Record, key: str, told: Any) -> Iterable[Difference]:  # of its kind
        if key in self._issued and self._may_be_issued(key, row["issued_at"]):
            told = replace(told, issued_at=row["issued_at"])
        yield from compared(table, row, told)
        touched = self.history.touched[table.kind, key]
        most = touched.times + (table.kind is CreditRefund)  # that one waits too long is no operation
        least = max(1, touched.times - touched.cuts)
        if row["version"] is not None and not least <= row["version"] <= most:
            yield Difference("version", str(least) if least == most else f"{least} to {most}", said(row["version"]))

    def _may_be_issued(self, key: str, at: datetime) -> bool:
        """Whether the statement of a cut may be of this instant: that of its journals, or of the saga's TRY (OP-1)."""
        begin, end = self._issued[key]
        posted = self._matching.posted.get(key)
        if posted is not None:
            return begin <= at <= posted and at in (posted, end)
        return begin <= at and (end is None or at <= end + CLOCKS_DIFFER)

    def _found(self, table: str, key: str, differences: Iterable[Difference], since: datetime | None = None) -> None:
        for where, expected, actual in differences:
            at = said(since) if since else ""
            self._findings.append(finding(FOLD, f"{table} {key} {where}".strip(), expected, actual, at))

    def _impossible(self, number: int, kind: str, error: Exception, at: datetime) -> None:
        self._findings.append(finding(
            FOLD, f"operations {operation_key(self._id, number)}", "an input that the account can have accepted",
            said(f"{kind}: {type(error).__name__}: {error}"), since=said(at), cause=IN_THE_LOG,
        ))
