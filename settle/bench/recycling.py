"""The family of the mix `redemption`: a customer with four recycled gift cards, made through the public API.

Two are to be taken back for a fee, in a channel with a cap a day: the credit ledger and the customer's own root take
part. Two wait in escrow for their condition: it is met, they settle, and the wallet is paid.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from settle.bench.targets import Target
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.recycler import ISSUER, Recycler
from settle.client.tokens import Tokens
from settlement.card_redemption.v1 import redemption_pb2

FACE = 9_900
"""A first redemption is of 10,000 fen at most (RD-23)."""
WALLET = 100_000
AGO, LOOKED_AT = timedelta(seconds=15), timedelta(seconds=3)
"""So long before its clones are stored the family submits its cards, as late as it can."""
RISKY = 50
"""The score from which a code is left alone for four minutes instead of three: all that is not taken back by then is
verified beside the load, and a run that is not over by then is void."""
CONDITION = timedelta(days=30)
TAKEN_BACK, HELD = "COOLING", "ESCROW"


class RecyclingFamily:
    """Builds the customer; `targets` are the cards whose redemptions the load ends, once for each clone."""

    def __init__(self, services: Mapping[str, str], tokens: Tokens | None = None) -> None:
        self._engine = Engine(services, tokens=tokens)
        self.targets: list[Target] = []

    async def build(self, now: datetime) -> None:
        """All of it; afterwards the engine's clock stands at `now`."""
        self._now = now - AGO
        await self._engine.set_clock(self._now)
        customer = Customer.new()
        await Desk(self._engine, customer).open_account(0, WALLET, 0)
        recycler = Recycler(self._engine, customer, self._look)
        for number in (1, 2):
            code = f"{customer.card_id[-15:]}{number}"
            order = await recycler.submit(TAKEN_BACK, code, FACE, ISSUER, risk_score=RISKY)
            self._expect(order, redemption_pb2.REDEMPTION_STATE_ACCEPTED)
            self.targets.append(Target(
                order.card_id, redemption_id=order.redemption_id, customer_id=customer.customer_id
            ))
        for number in (3, 4):
            own = Customer.new()
            await recycler.own_card(own.card_id, FACE, f"{customer.card_id[-15:]}{number}")
            order = await recycler.submit(HELD, f"{customer.card_id[-15:]}{number}", FACE, deadline=now + CONDITION)
            await self._engine.rest()
            self._expect(await recycler.now(order.redemption_id), redemption_pb2.REDEMPTION_STATE_ESCROWED)
            self.targets.append(Target(order.card_id, redemption_id=order.redemption_id))
        await self._engine.set_clock(now)

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.close()

    async def _look(self) -> None:
        self._now += LOOKED_AT
        await self._engine.set_clock(self._now)

    def _expect(self, order: redemption_pb2.Redemption, state: int) -> None:
        if order.state != state:
            raise RuntimeError(f"{order.redemption_id} is {redemption_pb2.RedemptionState.Name(order.state)}")
