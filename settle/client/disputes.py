"""Disputes about redemptions, as the people around one see them: the customer, who handles it, who decides it."""

from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from settle.client.calls import call
from settle.client.engine import Engine
from settle.client.requests import fresh, money
from settlement.card_redemption.v1 import dispute_pb2
from settlement.card_redemption.v1 import dispute_service_pb2 as pb

Answer = Any  # a generated message
Kind: TypeAlias = dispute_pb2.DisputeType.ValueType
Paper: TypeAlias = dispute_pb2.EvidenceKind.ValueType
Verdict: TypeAlias = dispute_pb2.DisputeVerdict.ValueType


class Disputes:
    """One customer, an operator and a supervisor before the dispute service."""

    def __init__(self, engine: Engine, customer_id: str, operator_id: str, supervisor_id: str) -> None:
        self._stub = engine.disputes
        self._customer_id = customer_id
        self._operator_id = operator_id
        self._supervisor_id = supervisor_id

    async def can_appeal(
        self, redemption_id: str, kind: Kind, at: Timestamp | None = None, papers: tuple[Paper, ...] = (),
        exceptional: bool = False,
    ) -> Answer:
        """Whether a case of this kind could be opened, now or at an instant."""
        request = pb.CanAppealRequest(
            redemption_id=redemption_id, type=kind, time=at, evidence=papers, exceptional=exceptional
        )
        return await call(self._stub.CanAppeal, request)

    async def open(self, redemption_id: str, kind: Kind, claimed_minor: int = 0, **papers: Paper) -> Answer:
        """The customer opens a case, with papers by their references."""
        request = pb.OpenDisputeRequest(
            request_id=fresh(), redemption_id=redemption_id, customer_id=self._customer_id, type=kind,
            evidence=[pb.EvidenceInput(kind=what, evidence_reference=name) for name, what in papers.items()],
            claimed=money(claimed_minor) if claimed_minor else None,
        )
        return (await call(self._stub.OpenDispute, request)).dispute

    async def triage(self, dispute_id: str) -> Answer:
        """The operator takes it from the queue."""
        request = pb.TriageDisputeRequest(
            request_id=fresh(), dispute_id=dispute_id, operator_id=self._operator_id
        )
        return (await call(self._stub.TriageDispute, request)).dispute

    async def show(self, dispute_id: str, kind: Paper, reference: str) -> Answer:
        """The customer hands in a paper."""
        request = pb.SubmitEvidenceRequest(
            request_id=fresh(), dispute_id=dispute_id, customer_id=self._customer_id,
            evidence=pb.EvidenceInput(kind=kind, evidence_reference=reference),
        )
        return (await call(self._stub.SubmitEvidence, request)).dispute

    async def decide(self, dispute_id: str, verdict: Verdict, reason: str, granted_minor: int = 0) -> Answer:
        """The supervisor's word."""
        request = pb.DecideDisputeRequest(
            request_id=fresh(), dispute_id=dispute_id, supervisor_id=self._supervisor_id, verdict=verdict,
            reason=reason, granted=money(granted_minor) if granted_minor else None,
        )
        return (await call(self._stub.DecideDispute, request)).dispute

    async def of(self, redemption_id: str) -> list[Answer]:
        """The cases of a redemption, the latest first."""
        request = pb.ListDisputesRequest(redemption_id=redemption_id)
        return list((await call(self._stub.ListDisputes, request)).disputes)

    async def queue(self) -> list[Answer]:
        """What waits, as it is heard."""
        return list((await call(self._stub.ListDisputeQueue, pb.ListDisputeQueueRequest())).disputes)
