"""A provider over gRPC: idempotency key = redemption order, so that asking twice verifies once."""

from collections.abc import Mapping

import grpc

from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.verification import Finding, Releasing
from services.card_redemption.providers.provider import Answer, Question
from services.runtime.ground.tls import Certificates
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import channel
from settlement.sandbox.v1 import verification_service_pb2 as pb
from settlement.sandbox.v1.verification_service_pb2_grpc import VerificationServiceStub

SECONDS_MAX = 2.0
_FINDINGS: Mapping[int, Finding] = {
    pb.VERIFICATION_FINDING_PENDING: Finding.PENDING, pb.VERIFICATION_FINDING_FOUND: Finding.FOUND,
    pb.VERIFICATION_FINDING_CONSUMED: Finding.CONSUMED, pb.VERIFICATION_FINDING_INVALID: Finding.INVALID,
    pb.VERIFICATION_FINDING_REFUSED: Finding.REFUSED,
}
_ENTRIES = {EntryChannel.APP: pb.VERIFICATION_ENTRY_APP, EntryChannel.WEB: pb.VERIFICATION_ENTRY_WEB}
_FINAL = {grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION}


class RemoteProvider:
    """A client of one provider; keeps one channel as long as the process lives."""

    needs_codes = True

    def __init__(
        self, target: str, seconds_max: float = SECONDS_MAX, certificates: Certificates | None = None
    ) -> None:
        self._stub = VerificationServiceStub(channel(target, deadline_seconds=None, certificates=certificates))
        self._seconds_max = seconds_max

    async def verify(self, question: Question) -> Answer:
        """Ask about a card; a time-out is UNKNOWN, a refusal REFUSED."""
        request = pb.VerifyRequest(
            idempotency_key=question.key, card_id=question.card_id, issuer=question.issuer,
            code=question.code.reveal(), verification_code=question.verification_code.reveal(),
            expected_minor=question.expected_minor, entry=_ENTRIES.get(question.entry, pb.VERIFICATION_ENTRY_WEB),
        )
        try:
            answer = await self._stub.Verify(request, timeout=self._seconds_max)
        except grpc.aio.AioRpcError as error:
            return Answer(Finding.REFUSED if error.code() in _FINAL else Finding.UNKNOWN, detail=_detail(error))
        return _told(answer.verification)

    async def query(self, key: str) -> Answer | None:
        """Ask by the key; None says that the question never arrived. A refused question is no refused card."""
        try:
            request = pb.GetVerificationRequest(idempotency_key=key)
            answer = await self._stub.GetVerification(request, timeout=self._seconds_max)
        except grpc.aio.AioRpcError as error:
            return None if error.code() is grpc.StatusCode.NOT_FOUND else Answer(Finding.UNKNOWN, detail=_detail(error))
        return _told(answer.verification)

    async def release(self, key: str) -> tuple[Releasing, str]:
        """Ask for the code back; only a plain yes is one."""
        try:
            request = pb.ReleaseCodeRequest(idempotency_key=key)
            answer = await self._stub.ReleaseCode(request, timeout=self._seconds_max)
        except grpc.aio.AioRpcError as error:
            never = error.code() in _FINAL or error.code() is grpc.StatusCode.NOT_FOUND
            return Releasing.NOT_RELEASED if never else Releasing.UNKNOWN, _detail(error)
        return Releasing.RELEASED if answer.verification.released else Releasing.NOT_RELEASED, ""


def _told(verification: pb.Verification) -> Answer:
    """What it said; a word that nobody knows is no answer, and neither is a face below 0."""
    finding = _FINDINGS.get(verification.finding, Finding.UNKNOWN)
    if verification.face_minor < 0:
        return Answer(Finding.UNKNOWN, detail=f"a face of {verification.face_minor}")
    return Answer(finding, verification.face_minor)


def _detail(error: grpc.aio.AioRpcError) -> str:
    """A refusal is told by its reason, a fault by its code; what the other side wrote beside it is not repeated, for it
    was sent a code."""
    return from_rpc_error(error).reason if error.code() in _FINAL else error.code().name
