"""A credit ledger in memory: the service as `tests.in_memory` runs it,
asked at an instant and read by what a book shows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.credit_ledger.decisions import RULES, TIMERS
from services.credit_ledger.domain.log.postings import POSTINGS, SUBS, UNDER_A_CHANNEL, UNDER_A_SHARE
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.commands import ReportLeg
from services.credit_ledger.domain.model.operation import Operation
from services.kernel.decision import Aggregate, Done, Rule
from services.kernel.effects import PostedJournal
from services.kernel.journal import Unit
from services.kernel.messages import Op
from services.kernel.notices import Acknowledged, Notice
from tests.in_memory import InMemory, Step


def steps_by_one(before: Any, after: Any) -> None:  # rows of one kind, or none before
    """A new row begins with version 1, a changed one is one further, and a claim is invisible."""
    claimable = before is not None and "pending" in type(after).__slots__
    claim = claimable and replace(after, pending=before.pending) == before
    allowed = 1 if before is None else before.version + (not claim)
    assert after.version == allowed, f"{after.key} steps from {before and before.version} to {after.version}"


def posted_by_the_table(body: object, rows: Sequence[Aggregate], posted: Sequence[PostedJournal]) -> None:
    """Every journal is what the table of postings says of the inputs that were logged, of the rail's word about a leg,
    or of a command under a merchant's share or a channel; its sub-accounts name what the table says."""
    logged = [type(row.body) for row in rows if isinstance(row, Operation)]
    may = [posting for kind in (*logged, ReportLeg) for posting in POSTINGS[kind]]
    may += (*UNDER_A_SHARE.get(type(body), ()), *UNDER_A_CHANNEL.get(type(body), ()))
    for place in posted:
        journal = place.journal
        codes = [posting for posting in may if (posting.op, posting.unit) == (journal.op, journal.unit)]
        for line in journal.lines:
            assert any(posting.allows(line.account, line.amount_minor) for posting in codes), (body, journal)
            named = SUBS.get(line.account, "")
            known = {"": "", "account": place.root, "order": journal.order_id, "settlement": place.saga_id}
            assert line.sub == known.get(named, line.sub), (line, place)


@dataclass
class BookInMemory(InMemory):
    """The ledger; what it posted, told and asked of the outside is in the fields of the world in memory."""

    rules: Mapping[type, Rule] = field(default_factory=lambda: RULES)
    timer_rules: Mapping[str, Rule] = field(default_factory=lambda: TIMERS)
    name: str = "credit_ledger"
    check: Callable[[Aggregate | None, Aggregate], None] = steps_by_one
    explained: Callable[[object, Sequence[Aggregate], Sequence[PostedJournal]], None] = posted_by_the_table

    def ask(self, key: str, body: object, now: datetime) -> Any:  # the result type depends on the body
        """The result of a plain command; raises nothing: a refusal is answered as `Refused`."""
        self.now = now
        return _told(self.when(key, body))

    def saga(self, key: str, body: object, now: datetime, op: Op = Op.EXECUTE, saga_id: str = "") -> Any:  # as above
        """The result of one command of a saga."""
        self.now = now
        return _told(self.command(key, body, op, saga_id or f"saga_of_message_{self.messages}"))

    def turn_to(self, now: datetime) -> None:
        """Fire every timer that is due at an instant, in order, until none is."""
        self.now = now
        self.fire()

    def account(self, account_id: str) -> CreditAccount:
        """The account as it is stored."""
        return self.row(CreditAccount, account_id)

    def agreement(self, order_id: str) -> Agreement:
        """The agreement as it is stored."""
        return self.row(Agreement, order_id)

    def operations(self, account_id: str) -> list[Operation]:
        """The account's log."""
        return self.family(Operation, account_id)

    def totals(self) -> Counter[tuple[Unit, str]]:
        """The balances of the ledger accounts, each over all its sub-accounts."""
        found: Counter[tuple[Unit, str]] = Counter()
        for (unit, account, _), amount in self.balances.items():
            found[unit, account] += amount
        return found

    def balance(self, account: str, unit: Unit = Unit.CNY) -> int:
        """The balance of a ledger account over all its sub-accounts."""
        return sum(amount for (of, name, _), amount in self.balances.items() if (of, name) == (unit, account))

    @property
    def notices(self) -> list[object]:
        """What other services were told, each thing once: they acknowledge it when a test looks."""
        for command in self.sent:  # an acknowledgement sends the next one
            notice = self.find(Notice, command.id)
            if notice is not None and notice.open:
                self.tell(notice.root, Acknowledged(notice.id))
        return list({command.id: command.body for command in self.sent}.values())


def _told(step: Step) -> Any:  # as above
    return step.outcome.result if isinstance(step.outcome, Done) else step.outcome
