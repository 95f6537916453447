"""Reads that a method needs more than once: an account that is new enough, a preview."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID, uuid5

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.store import TABLES
from services.credit_ledger.store.accounts import find_accounts, find_merchant_shares
from services.credit_ledger.store.reads import find_account
from services.kernel.calendar import business_date
from services.kernel.decision import Busy, Done, Refused
from services.kernel.errors import Internal, NotFound, ResourceExhausted, Unavailable
from services.runtime.ground.scalars import date_to_wire
from services.runtime.ground.tables import Connection, unlocked
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge, error_of
from services.runtime.rpc.preview import preview
from services.runtime.rpc.reading import NotYet, new_enough, read_when, reading
from settlement.credit_ledger.v1.statement_service_pb2 import CutStatementRequest

_READERS = UUID("3d0a6c1e-93f5-4c1b-8a55-0f4d1f6f2b10")
_TABLES = unlocked(TABLES, {CreditAccount: find_accounts, MerchantShare: find_merchant_shares})


@asynccontextmanager
async def account_at(
    edge: Edge, context: Context, account_id: str, min_version: int
) -> AsyncIterator[tuple[Connection, CreditAccount]]:
    """A connection for the block and the account at `min_version` or later, a due statement cut made.

    ACCOUNT_NOT_FOUND, or STALE_VERSION if the version does not come in time.
    """

    async def look(connection: Connection) -> CreditAccount:
        account = await find_account(connection, account_id)
        if account is None:
            raise NotFound("ACCOUNT_NOT_FOUND", f"there is no account {account_id}")
        return new_enough(account, min_version, f"{account_id} is at version")

    async with reading(edge, context, look, key=account_id) as (connection, account):
        cut_at = _due_cut(account, await edge.clock.now(connection))
        if cut_at is None:
            yield connection, account
            return
    await _cut(edge, context, account, cut_at)
    async with reading(edge, context, look, key=account_id) as found:
        yield found


def _due_cut(account: CreditAccount, now: datetime) -> datetime | None:
    """The cut that every write would make now (SC-6); a claimed account is shown as it is."""
    if account.next_cut_at is None or account.next_cut_at > now or account.pending is not None:
        return None
    return account.next_cut_at


async def _cut(edge: Edge, context: Context, account: CreditAccount, cut_at: datetime) -> None:
    """Have a due cut made: who reads just after midnight sees the statement however far the nightly run has come.

    An account that cannot be had in time is shown as it is.
    """
    request = cut_request(uuid5(_READERS, str(account.version)), account.id, cut_at)
    with suppress(Unavailable, ResourceExhausted, Internal):
        await edge.ask(context, request, key=account.id, body=CutStatement(account.id, business_date(cut_at)))


def cut_request(asker: UUID, account_id: str, cut_at: datetime) -> CutStatementRequest:
    """The request of one cut by the nightly run or a reader; the same asker always asks under the same id."""
    bill_date = date_to_wire(business_date(cut_at))
    own_id = uuid5(asker, f"{account_id}/{bill_date}")
    return CutStatementRequest(request_id=str(own_id), account_id=account_id, bill_date=bill_date)


async def previewed(edge: Edge, context: Context, key: str, body: object) -> Done:
    """What a call would come to now, on one snapshot, nothing locked or kept; waits while a saga holds the account."""

    async def look(connection: Connection) -> Done | Refused:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            now = await edge.clock.now(connection)
            outcome = await preview(connection, _TABLES, RULES, key=key, body=body, now=now)
        if isinstance(outcome, Busy):
            raise NotYet(Unavailable("ACCOUNT_BUSY", f"{outcome.holder} holds {key}"))
        return outcome

    outcome = await read_when(edge, context, look, key=key)
    if isinstance(outcome, Refused):
        raise error_of(outcome)
    return outcome
