"""VerificationService over the book, with the faults that real providers have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import grpc

from services.kernel.errors import AlreadyExists, NotFound, Unavailable
from services.runtime.ground.scalars import Words, instant_to_wire
from settle.local.shares import Dice
from settle.local.verifier.book import Behaviour, KeyReused, Verified, VerifierBook
from settle.local.verifier.faults import VerifierFaults
from settlement.sandbox.v1 import verification_service_pb2 as pb
from settlement.sandbox.v1 import verification_service_pb2_grpc as rpc

HANG_SECONDS = 60.0
_FINDINGS = Words(pb.VerificationFinding)
Context = grpc.aio.ServicerContext[Any, Any]


class Verifier(rpc.VerificationServiceServicer):
    """Says what cards are worth: what the asker expects, unless it is told otherwise. It keeps no code."""

    def __init__(self, book: VerifierBook, faults: VerifierFaults | None = None) -> None:
        self._book = book
        self._set(faults or VerifierFaults())

    async def Verify(self, request: pb.VerifyRequest, context: Context) -> pb.VerifyResponse:
        """Verify a card, once per key."""
        async with self._misbehaving():
            verified = self._asked(request)
        return pb.VerifyResponse(verification=_shown(verified))

    async def GetVerification(
        self, request: pb.GetVerificationRequest, context: Context
    ) -> pb.GetVerificationResponse:
        """What became of it."""
        if self._dice.hit(self._faults.unavailable_ppm):
            raise Unavailable("UNAVAILABLE", "the provider is down")
        return pb.GetVerificationResponse(verification=_shown(_known(self._book.read(request.idempotency_key))))

    async def ReleaseCode(self, request: pb.ReleaseCodeRequest, context: Context) -> pb.ReleaseCodeResponse:
        """Let go of the code; asked again it answers the same, unless it is of two minds."""
        async with self._misbehaving():
            released = _known(self._book.release(request.idempotency_key))
        return pb.ReleaseCodeResponse(verification=_shown(released))

    async def SetCardBehaviour(
        self, request: pb.SetCardBehaviourRequest, context: Context
    ) -> pb.SetCardBehaviourResponse:
        """From now on say this of a card."""
        behaviour = Behaviour(
            held=request.held, finding=_FINDINGS.from_wire[request.finding], face_minor=request.face_minor,
            contradicts=request.contradicts, keeps_code=request.keeps_code,
        )
        self._book.set_behaviour(request.card_id, behaviour)
        return pb.SetCardBehaviourResponse()

    async def SetVerificationFaults(
        self, request: pb.SetVerificationFaultsRequest, context: Context
    ) -> pb.SetVerificationFaultsResponse:
        """From now on the named share of the calls goes wrong."""
        self._set(VerifierFaults(**{field.name: getattr(request, field.name) for field in request.DESCRIPTOR.fields}))
        return pb.SetVerificationFaultsResponse()

    @asynccontextmanager
    async def _misbehaving(self) -> AsyncIterator[None]:
        """What is done within may not be done, or its answer may not come."""
        dice, faults = self._dice, self._faults
        if dice.hit(faults.unavailable_ppm):
            raise Unavailable("UNAVAILABLE", "the provider is down")
        if dice.hit(faults.timeout_undone_ppm):
            await asyncio.sleep(HANG_SECONDS)
        yield
        if dice.hit(faults.timeout_done_ppm):
            await asyncio.sleep(HANG_SECONDS)

    def _set(self, faults: VerifierFaults) -> None:
        self._faults, self._dice = faults, Dice(faults.seed)

    def _asked(self, request: pb.VerifyRequest) -> Verified:
        dice, faults = self._dice, self._faults
        if dice.hit(faults.refused_ppm):
            return self._book.refuse(request.idempotency_key, request.card_id)
        seconds = faults.seconds(request.issuer, request.entry == pb.VERIFICATION_ENTRY_APP, dice)
        contradicts = dice.hit(faults.contradicts_ppm)
        try:
            return self._book.ask(
                request.idempotency_key, request.card_id, request.expected_minor, seconds, contradicts
            )
        except KeyReused as error:
            told = "this idempotency key was used for another card"
            raise AlreadyExists("IDEMPOTENCY_CONFLICT", told) from error


def _known(verified: Verified | None) -> Verified:
    if verified is None:
        raise NotFound("VERIFICATION_NOT_FOUND", "no verification has this key")
    return verified


def _shown(verified: Verified) -> pb.Verification:
    return pb.Verification(
        idempotency_key=verified.key, card_id=verified.card_id, finding=_FINDINGS.to_wire[verified.said],
        face_minor=verified.face_minor, create_time=instant_to_wire(datetime.fromisoformat(verified.asked_at)),
        calls=verified.calls, released=verified.released,
    )
