"""Reads that a method needs more than once: an account that is new enough, the rule of a preview."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID, uuid5

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.store import TABLES
from services.credit_ledger.store.accounts import find_accounts, find_merchant_shares
from services.credit_ledger.store.reads import find_account
from services.kernel.calendar import business_date
from services.kernel.decision import Decision, Known, Missing, Rule
from services.kernel.errors import Aborted, NotFound, ResourceExhausted, Unavailable
from services.kernel.messages import Message
from services.kernel.participant import IsBusy
from services.runtime.ground.scalars import date_to_wire
from services.runtime.ground.tables import Connection, Load
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.credit_ledger.v1.statement_service_pb2 import CutStatementRequest

POLL_SECONDS = 0.02
WAIT_SECONDS_MAX = 5.0
"""How long a read waits at most for the version, or for the end of a claim, that its caller needs."""

ROUNDS_MAX = 8
_READERS = UUID("3d0a6c1e-93f5-4c1b-8a55-0f4d1f6f2b10")
_UNLOCKED: Mapping[type, Load] = {CreditAccount: find_accounts, MerchantShare: find_merchant_shares}


async def account_at(edge: Edge, connection: Connection, context: Context, account_id: str, min_version: int) -> CreditAccount:
    """The account at `min_version` or later, a due statement cut made; ACCOUNT_NOT_FOUND, or STALE_VERSION if the
    version does not come in time."""
    deadline, asked = asyncio.get_running_loop().time() + _seconds(context), False
    while True:
        account = await find_account(connection, account_id)
        if account is None:
            raise NotFound("ACCOUNT_NOT_FOUND", f"there is no account {account_id}")
        if account.version >= min_version:
            if asked or not await _cut_now(edge, context, account):
                return account
            asked = True
            continue
        if asyncio.get_running_loop().time() > deadline:
            raise Aborted("STALE_VERSION", f"{account_id} is at version {account.version}")
        await asyncio.sleep(POLL_SECONDS)


async def _cut_now(edge: Edge, context: Context, account: CreditAccount) -> bool:
    """Make the cut that is due, if one is, as every write does (SC-6): who reads just after midnight sees the statement
    however far the nightly run has come. A claimed account is shown as it is."""
    if account.next_cut_at is None or account.next_cut_at > edge.clock.now() or account.pending is not None:
        return False
    request = cut_request(uuid5(_READERS, str(account.version)), account.id, account.next_cut_at)
    body = CutStatement(account.id, business_date(account.next_cut_at))
    with suppress(Unavailable, ResourceExhausted):
        await edge.ask(context, request, key=account.id, body=body)
        return True
    return False


def cut_request(asker: UUID, account_id: str, cut_at: datetime) -> CutStatementRequest:
    """The request of one cut by the nightly run or a reader; the same asker always asks under the same id."""
    bill_date = date_to_wire(business_date(cut_at))
    own_id = uuid5(asker, f"{account_id}/{bill_date}")
    return CutStatementRequest(request_id=str(own_id), account_id=account_id, bill_date=bill_date)


async def considered(edge: Edge, context: Context, rule: Rule, message: Message) -> Decision:
    """What a rule would decide now, on one snapshot, nothing locked and nothing kept; waits while a saga holds the account."""
    deadline = asyncio.get_running_loop().time() + _seconds(context)
    while True:
        try:
            async with edge.read() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                return await _decided(connection, rule, message, edge.clock.now())
        except IsBusy as busy:
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("ACCOUNT_BUSY", f"{busy.holder} holds {message.key}") from busy
        await asyncio.sleep(POLL_SECONDS)


async def _decided(connection: Connection, rule: Rule, message: Message, now: datetime) -> Decision:
    known = Known()
    missing = Missing(rows=rule.wants(message))
    for _ in range(ROUNDS_MAX):
        await _load(connection, known, missing)
        try:
            return rule.decide(known, message, now)
        except Missing as more:
            missing = more
    raise Unavailable("UNAVAILABLE", "the preview needs more than it can have")


async def _load(connection: Connection, known: Known, missing: Missing) -> None:
    for table in TABLES:
        load = _UNLOCKED.get(table.kind, table.load)
        keys = sorted({key for kind, key in missing.rows if kind is table.kind})
        if keys:
            known.load(table.kind, {row.key: row for row in await load(connection, keys)}, keys)
        for root in sorted({root for kind, root in missing.families if kind is table.kind}):
            if table.load_family is not None:
                known.load_family(table.kind, root, await table.load_family(connection, [root]))


def _seconds(context: Context) -> float:
    left = context.time_remaining()
    return WAIT_SECONDS_MAX if left is None else max(0.0, min(WAIT_SECONDS_MAX, left - 0.1))
