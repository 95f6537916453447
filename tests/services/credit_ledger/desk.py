"""The gRPC methods of the credit ledger without a network: an
edge over a `Ledger`, and a call context that never ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from services.credit_ledger.rpc.adjustment_service import AdjustmentServicer
from services.credit_ledger.rpc.credit_service import CreditServicer
from services.credit_ledger.rpc.payout_service import PayoutServicer
from services.credit_ledger.rpc.reconciliation_service import ReconciliationServicer
from services.credit_ledger.rpc.statement_service import StatementServicer
from services.credit_ledger.wire import CODEC
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.rpc.edge import error_of
from tests.services.credit_ledger.ledger import Ledger


@dataclass
class EndlessContext:
    """A call whose deadline is far away; `seconds` makes it near."""

    seconds: float = 30.0

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> float:
        """Seconds left."""
        return self.seconds


@dataclass
class LedgerClock:
    """The ledger's own time."""

    ledger: Ledger

    async def now(self, connection: Connection) -> datetime:
        """The instant."""
        return self.ledger.now


class LedgerEdge:
    """What servicers see of the runtime, as `services.runtime.rpc.edge.Edge` gives it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = LedgerClock(ledger)
        self.settings = Settings("credit_ledger")
        self._turn = asyncio.Lock()

    async def ask(self, context: Any, request: Any, *, key: str, body: object, background: bool = False) -> Any:
        """Decide at once; a refusal raises its error."""
        message = Message(request.request_id, key, body)
        async with self._turn:
            batch = await self.ledger.run(message)
        if batch.effects.busy:
            raise AssertionError(f"{key} is busy")
        answered = batch.encoded.answered.get(message.id) or batch.encoded.answers[0][1]
        if answered.verdict is Verdict.REFUSED:
            raise error_of(answered.refusal)
        return CODEC.message(answered.type, answered.outcome)

    async def now(self) -> datetime:
        """The instant."""
        return self.ledger.now

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """The ledger's own connection: tests do one thing at a time."""
        yield self.ledger.connection

    def changes(self, key: str) -> AbstractContextManager[asyncio.Event]:
        """Nobody is woken: who waits looks again by itself."""
        return nullcontext(asyncio.Event())


class Desk:
    """The servicers of one ledger, and fresh request ids."""

    def __init__(self, ledger: Ledger) -> None:
        edge: Any = LedgerEdge(ledger)
        self.ledger = ledger
        self.context: Any = EndlessContext()
        self.credit = CreditServicer(edge)
        self.statements = StatementServicer(edge)
        self.adjustments = AdjustmentServicer(edge)
        self.reconciliation = ReconciliationServicer(edge)
        self.payouts = PayoutServicer(edge)
        self._numbers = count(1)

    def request_id(self) -> str:
        """A new one."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"
