"""Reads that a method needs more than once: an account that is new enough, a date, a preview."""

import asyncio
from contextlib import suppress
from datetime import date, datetime
from uuid import UUID, uuid5

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.store import TABLES
from services.credit_ledger.store.accounts import find_accounts, find_merchant_shares
from services.credit_ledger.store.reads import find_account
from services.kernel.calendar import business_date
from services.kernel.decision import Done, Refused
from services.kernel.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from services.runtime.ground.tables import Connection, unlocked
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge, error_of
from services.runtime.rpc.preview import preview
from settlement.credit_ledger.v1.statement_service_pb2 import CutStatementRequest

POLL_SECONDS = 0.02
WAIT_SECONDS_MAX = 5.0
"""How long a read waits at most for the version, or for the end of a claim, that its caller needs."""

_READERS = UUID("3d0a6c1e-93f5-4c1b-8a55-0f4d1f6f2b10")
_TABLES = unlocked(TABLES, {CreditAccount: find_accounts, MerchantShare: find_merchant_shares})


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
    bill_date = business_date(cut_at).isoformat()
    own_id = uuid5(asker, f"{account_id}/{bill_date}")
    return CutStatementRequest(request_id=str(own_id), account_id=account_id, bill_date=bill_date)


async def previewed(edge: Edge, context: Context, key: str, body: object) -> Done:
    """What a call would come to now, on one snapshot, nothing locked and nothing kept; waits while a saga holds the account."""
    deadline = asyncio.get_running_loop().time() + _seconds(context)
    while True:
        async with edge.read() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            outcome = await preview(connection, _TABLES, RULES, key, body, edge.clock.now())
        if isinstance(outcome, Refused):
            raise error_of(outcome)
        if isinstance(outcome, Done):
            return outcome
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable("ACCOUNT_BUSY", f"{outcome.holder} holds {key}")
        await asyncio.sleep(POLL_SECONDS)


def day_of(text: str) -> date:
    """A date of a request."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument("INVALID_ARGUMENT", f"{text} is no date") from error


def _seconds(context: Context) -> float:
    left = context.time_remaining()
    return WAIT_SECONDS_MAX if left is None else max(0.0, min(WAIT_SECONDS_MAX, left - 0.1))
