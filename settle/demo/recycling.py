"""The chapter of recycled gift cards: one is taken back for a fee, one is paid, one turns out to be spent."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.calendar import BUSINESS_ZONE
from services.kernel.money import yuan
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.disputes import Disputes
from settle.client.engine import Engine
from settle.client.recycler import ISSUER, Recycler
from settle.demo.telling import Teller
from settlement.card_redemption.v1 import dispute_pb2, record_pb2, redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

Answer = Any  # a generated message
LOOKED_AT = timedelta(seconds=3)
"""So long the customer looks at what a redemption would come to, before it is confirmed (RD-24)."""
VERIFIED = timedelta(minutes=4)
"""By then a provider has been asked."""
ASKED_MAX = 5
"""A provider that does not answer, on a machine with too much to do, is asked again, so often."""
NOT_VERIFIED = frozenset({
    redemption_pb2.REDEMPTION_STATE_SUBMITTING, redemption_pb2.REDEMPTION_STATE_ACCEPTED,
    redemption_pb2.REDEMPTION_STATE_VERIFYING,
})
TAKEN_BACK, PAID, SPENT = 9_900, 10_000, 20_000
FEE = 500
ATTEMPTS = ("what", "became", "why")


class Recycling:
    """Tells the chapter on a running engine under the manual clock, from an instant on."""

    def __init__(self, engine: Engine, customer: Customer, teller: Teller, now: datetime) -> None:
        self._engine = engine
        self._desk = Desk(engine, customer)
        self._recycler = Recycler(engine, customer, self._look)
        self._customer = customer
        self._teller = teller
        self._now = now

    async def tell(self) -> None:
        """Three cards, and what the record has of them."""
        self._teller.chapter("Three gift cards are recycled")
        await self._taken_back()
        await self._paid()
        await self._spent()
        await self._recorded()

    async def _look(self) -> None:
        await self._pass(LOOKED_AT)

    async def _pass(self, time: timedelta) -> None:
        self._now += time
        await self._engine.set_clock(self._now)
        await self._engine.rest()

    async def _verified(self, redemption_id: str) -> Answer:
        """The redemption, once its provider has said something."""
        for _ in range(ASKED_MAX):
            await self._pass(VERIFIED)
            order = await self._recycler.now(redemption_id)
            if order.state not in NOT_VERIFIED:
                break
        return order

    async def _wallet(self) -> int:
        return int((await self._desk.account()).wallet.minor_units)

    async def _taken_back(self) -> None:
        teller, before = self._teller, await self._wallet()
        order = await self._recycler.submit("SUHUISHOU", "DEMO0CARD0000001", TAKEN_BACK, ISSUER)
        may = await self._recycler.can_cancel(order.redemption_id)
        teller.say(
            f"A card of {yuan(TAKEN_BACK)} goes to 速回收, and the customer thinks better of it: until"
            f" {_local(may.deadline_time)} it can be taken back for {yuan(may.fee.minor_units)}."
        )
        order = await self._recycler.cancel(order.redemption_id)
        teller.claim("the very guard of the cancel had said so", may.verdict == pb.CANCEL_VERDICT_ALLOW)
        teller.claim("it is cancelled", order.state == redemption_pb2.REDEMPTION_STATE_CANCELLED)
        teller.claim(f"{yuan(FEE)} came from the wallet, nothing else", await self._wallet() == before - FEE)

    async def _paid(self) -> None:
        teller, before = self._teller, await self._wallet()
        await self._recycler.own_card(f"{self._customer.card_id}2", PAID, "DEMO0CARD0000002")
        order = await self._recycler.submit("SELF", "DEMO0CARD0000002", PAID)
        order = await self._verified(order.redemption_id)
        payout = order.payout.minor_units
        teller.say(f"A card of our own over {yuan(PAID)} is verified, and {yuan(payout)} are paid into the wallet.")
        teller.claim("it is completed", order.state == redemption_pb2.REDEMPTION_STATE_COMPLETED)
        teller.claim("the wallet has the payout", await self._wallet() == before + payout > before)

    async def _spent(self) -> None:
        teller, before = self._teller, await self._wallet()
        order = await self._recycler.submit("DUIDUI", "DEMO0CARD0000003", SPENT, ISSUER)
        await self._engine.provider.find_consumed(order.card_id)
        order = await self._verified(order.redemption_id)
        teller.say(f"A third card says {yuan(SPENT)}; its issuer finds that it was spent meanwhile.")
        teller.claim("it failed as consumed", order.state == redemption_pb2.REDEMPTION_STATE_FAILED_CONSUMED)
        teller.claim("nothing was paid for it", await self._wallet() == before)
        await self._restricted(order.redemption_id)

    async def _restricted(self, redemption_id: str) -> None:
        """The engine opened a case by itself; the issuer's letter shows that somebody else had spent the card."""
        teller, disputes = self._teller, Disputes(self._engine, self._customer.customer_id, "clerk", "supervisor")
        case = (await disputes.of(redemption_id))[0]
        teller.say(
            f"Its customer may not redeem until a person looked at case {case.dispute_id}, due on {case.due_date}."
            " A clerk takes it on, the customer shows the issuer's notarized letter, a supervisor decides."
        )
        teller.claim("the engine opened the case by itself", case.opened_by == "engine")
        await disputes.triage(case.dispute_id)
        await disputes.show(case.dispute_id, dispute_pb2.EVIDENCE_KIND_NOTARIZED, "letter of the issuer")
        upheld = dispute_pb2.DISPUTE_VERDICT_UPHELD
        case = await disputes.decide(case.dispute_id, upheld, "spent by somebody else")
        await self._engine.rest()
        teller.claim("the restriction is lifted", case.state == dispute_pb2.DISPUTE_STATE_EXECUTED)

    async def _recorded(self) -> None:
        found = await self._recycler.attempts()
        rows = [[attempt.kind, _outcome(attempt.outcome), attempt.reason] for attempt in found]
        self._teller.table("the permanent record of this customer", ATTEMPTS, rows)
        kinds = [attempt.kind for attempt in found]
        tried = all(kinds.count(kind) == 3 for kind in ("PREPARE_REDEMPTION", "CONFIRM_REDEMPTION"))
        self._teller.claim("every attempt is on the permanent record", tried and "REQUEST_CANCEL" in kinds)


def _outcome(number: Answer) -> str:
    return str(record_pb2.AttemptOutcome.Name(number)).removeprefix("ATTEMPT_OUTCOME_").lower()


def _local(stamp: Answer) -> str:
    return f"{stamp.ToDatetime(UTC).astimezone(BUSINESS_ZONE):%H:%M:%S}"
