"""Plain writers: calls, runs and reports of rails. They wait while a saga has claimed the account (BZ-2)."""

from datetime import datetime
from typing import Any

from services.credit_ledger.decisions.accounts import unclaimed
from services.credit_ledger.domain.accounts.life import must_open, unopened
from services.credit_ledger.domain.core.input import Input
from services.credit_ledger.domain.core.position import Position, closed
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import OpenAccount
from services.kernel.decision import Decision, Known, Rule, rule
from services.kernel.errors import AlreadyExists
from services.kernel.messages import Message


def writer(row: Input) -> Rule:
    """The rule of an input that anybody but a saga asks for."""

    def decide(known: Known, body: Any, message: Message, now: datetime) -> Decision:  # Any: of the type `row.body`
        return closed(row.apply(unclaimed(known, message.key, now), body), body, refusable=row.logged)

    return rule(row.body, lambda body, message: row.wants(body), decide)


def opening(row: Input) -> Rule:
    """The rule of the input that every account begins with."""

    def decide(known: Known, body: OpenAccount, message: Message, now: datetime) -> Decision:
        if known.find(CreditAccount, body.account_id) is not None:
            raise AlreadyExists("ACCOUNT_EXISTS", f"there is an account {body.account_id}")
        must_open(body)
        account = unopened(body, now)
        return closed(row.apply(Position(known, now, account, account, account), body), body)

    return rule(OpenAccount, lambda body, message: row.wants(body), decide)
