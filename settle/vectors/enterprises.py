"""The kinds `batch_revoke` and `enterprise_edit`: an enterprise under an agreement that two people put in force, whose
redemptions are revoked in a batch, or edited until their cut-off (1.9, A18, A19)."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN
from services.kernel.calendar import business_date
from settle.client.calls import Rejected, call
from settle.client.engine import Engine
from settle.client.requests import WAIT, money
from settle.vectors.redemption_world import OPERATOR, SECOND, RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import enterprise_pb2, enterprise_service_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

RATE_PPM = 900_000
FACE_MINOR = 10_000
LOCKED = frozenset({"SCHEDULE_LOCKED", "REDEMPTION_STATE"})
"""Why a schedule cannot be edited: the cut-off is over, or the instant itself."""
BEFORE = timedelta(hours=1)
"""So long before all else the agreement is made."""
BEGINS_AT = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)


class Enterprise:
    """A customer with an agreement."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._given = engine, scenario.given
        self._world = RedemptionWorld(engine, scenario.policies)
        self._agreement_id = f"agr_{self._world.account_id}"

    async def play(self, number: int) -> None:
        """Nothing happens in such a case."""

    async def observe(self, number: int) -> None:
        """What is posted is not compared."""

    async def _agree(self, channel: str, begins_at: datetime, *, cutoff: timedelta, purchase_minor: int) -> None:
        """Its account, its channel and its agreement, proposed by one person and approved by another."""
        world = self._world
        await world.open_account(0)
        await world.publish(channel, RATE_PPM)
        terms = enterprise_pb2.AgreementTerms(
            signed_date=business_date(begins_at).isoformat(), document="agreement", qualification="licence",
            edit_cutoff_seconds=int(cutoff.total_seconds()), annual_purchase=money(purchase_minor),
        )
        proposal = enterprise_service_pb2.ProposeAgreementRequest(
            request_id=world.request_id("agree"), agreement_id=self._agreement_id, customer_id=world.customer_id,
            terms=terms, operator_id=OPERATOR,
        )
        agreement = (await call(self._engine.enterprises.ProposeAgreement, proposal)).agreement
        approval = enterprise_service_pb2.ApproveAgreementRequest(
            request_id=world.request_id("agreed"), agreement_id=self._agreement_id,
            proposal=agreement.proposal.number, operator_id=SECOND,
        )
        await call(self._engine.enterprises.ApproveAgreement, approval)

    async def _at(self, at: datetime) -> None:
        await self._engine.set_clock(at)
        await self._engine.rest()


class BatchRevocation(Enterprise):
    """Redemptions are submitted in the order of their acceptance, some settle, and all of them are revoked at once."""

    @property
    def begins_at(self) -> datetime:
        """Before the first of them is accepted."""
        orders = [datetime.fromisoformat(order["accepted_at"]) for order in self._given["orders"]]
        return min([datetime.fromisoformat(self._given["requested_at"]), *orders]) - BEFORE

    async def set_up(self) -> None:
        """The annual purchase is a term of the agreement; one redemption is complete, so faces may be of any size."""
        purchase_minor = self._given["annual_purchase_fen"]
        await self._agree("MOU", self.begins_at, cutoff=CUTOFF_MIN, purchase_minor=purchase_minor)
        await self._world.lift_first_cap()

    async def actual(self) -> Json:
        """The result of each, and what was released."""
        names: dict[str, str] = {}
        for order in sorted(self._given["orders"], key=lambda each: datetime.fromisoformat(each["accepted_at"])):
            await self._at(datetime.fromisoformat(order["accepted_at"]))
            names[order["id"]] = await self._submitted(order["face"], order["settled"])
        await self._at(datetime.fromisoformat(self._given["requested_at"]))
        request = enterprise_service_pb2.RevokeBatchRequest(
            request_id=self._world.request_id("revoke"), agreement_id=self._agreement_id,
            customer_id=self._world.customer_id, redemption_ids=[names[each["id"]] for each in self._given["orders"]],
            wait_timeout=WAIT,
        )
        batch = (await call(self._engine.enterprises.RevokeBatch, request)).batch
        results = {item.redemption_id: enterprise_pb2.RevocationResult.Name(item.result) for item in batch.items}
        return {
            "results": [
                results[names[each["id"]]].removeprefix("REVOCATION_RESULT_") for each in self._given["orders"]
            ],
            "released_face": batch.released.minor_units,
        }

    async def _submitted(self, face_minor: int, settled: bool) -> str:
        world = self._world
        code = await world.issue_card(face_minor)
        order = await world.submit("MOU", code, face_minor, agreement_id=self._agreement_id)
        if settled:
            await world.verified(order, face_minor)
            await world.advance(order.redemption_id, "settle")
        return order.redemption_id


class ScheduleEdits(Enterprise):
    """Each probe is a scheduled redemption that is edited at some instant; each lead is one that is scheduled so far
    ahead."""

    @property
    def begins_at(self) -> datetime:
        """Before everything that is scheduled could not be edited any more."""
        probes = [min(at, scheduled_at - self._cutoff) for at, scheduled_at in self._probes()]
        return min(probes, default=BEGINS_AT) - BEFORE

    async def set_up(self) -> None:
        """The cut-off is a term of the agreement."""
        await self._agree("ENTERPRISE", self.begins_at, cutoff=self._cutoff, purchase_minor=0)

    async def actual(self) -> Json:
        """Whether each could be edited, and each be scheduled."""
        begins_at, probes = self.begins_at, self._probes()
        leads = [await self._scheduled(begins_at + timedelta(seconds=lead)) for lead in self._given["leads_s"]]
        orders = [await self._scheduled(scheduled_at) for _, scheduled_at in probes]
        results = [""] * len(probes)
        for number in sorted(range(len(probes)), key=lambda each: probes[each][0]):
            await self._at(probes[number][0])
            results[number] = await self._edited(orders[number], number)
        return {"results": results, "leads": ["OK" if order else "REJECT_LEAD_TOO_SHORT" for order in leads]}

    @property
    def _cutoff(self) -> timedelta:
        return timedelta(seconds=self._given["edit_cutoff_s"])

    def _probes(self) -> list[tuple[datetime, datetime]]:
        """When each is edited, and for when it is scheduled."""
        return [
            (datetime.fromisoformat(probe["at"]), datetime.fromisoformat(probe["scheduled_at"]))
            for probe in self._given["probes"]
        ]

    async def _scheduled(self, at: datetime) -> str:
        """The redemption that is scheduled for an instant; "" if that is too near."""
        schedule = Timestamp()
        schedule.FromDatetime(at)
        code = await self._world.issue_card(FACE_MINOR)
        try:
            order = await self._world.submit(
                "ENTERPRISE", code, FACE_MINOR, schedule=schedule, agreement_id=self._agreement_id
            )
        except Rejected as rejection:
            if rejection.reason != "LEAD_TOO_SHORT":
                raise
            return ""
        return order.redemption_id

    async def _edited(self, redemption_id: str, number: int) -> str:
        request = pb.EditScheduleRequest(
            request_id=self._world.request_id("edit", number), redemption_id=redemption_id,
            customer_id=self._world.customer_id, declared=money(FACE_MINOR - 1),
        )
        try:
            await call(self._engine.redemptions.EditSchedule, request)
        except Rejected as rejection:
            if rejection.reason not in LOCKED:
                raise
            return "DENY_LOCKED"
        return "ALLOW"
