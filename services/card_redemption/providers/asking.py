"""The worker that asks providers: after the commit of the decision to ask, outside of any transaction, under the key of
the order, and back comes a message.

What is final is asked for twice before it is believed: a provider that says two things has said nothing that anybody
may be paid on.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import uuid_utils

from services.card_redemption.domain.verification import (
    AskProvider,
    AskRelease,
    Finding,
    Releasing,
    ReportRelease,
    ReportVerification,
)
from services.card_redemption.providers.provider import Answer, Question, VerificationProvider
from services.kernel.messages import Message
from services.kernel.secret import Secret
from services.runtime.ground import metrics

OTHERS = "*"
"""The issuer in whose place every issuer stands that has no provider of its own."""


class Codes(Protocol):
    """Where the codes of an order come from, just before they are sent."""

    async def codes_of(self, card_id: str, order_id: str) -> tuple[Secret, Secret]:
        """The code of the card, and the verification code that came with the order."""
        ...


NO_CODES = Secret(""), Secret("")
Perform = Callable[[object], Awaitable[Message | None]]


def performing(providers: Mapping[str, VerificationProvider], codes: Codes) -> Perform:
    """Ask the provider of the issuer, and report to the card. Nobody knows an issuer without a provider: REFUSED."""

    async def act(action: object) -> Message | None:
        if isinstance(action, AskProvider):
            answer = await _verified(_provider(providers, action.issuer), action, codes)
            metrics.RAIL_ANSWERS.labels("VERIFIER", answer.finding.value).inc()
            return _message(action.card_id, ReportVerification(action.card_id, action.order_id, action.key, *answer))
        if isinstance(action, AskRelease):
            told = await _released(_provider(providers, action.issuer), action.key)
            return _message(action.card_id, ReportRelease(action.card_id, action.order_id, action.key, *told))
        return None

    return act


_NOBODY = "no provider knows this issuer"


def _provider(providers: Mapping[str, VerificationProvider], issuer: str) -> VerificationProvider | None:
    return providers.get(issuer) or (providers.get(OTHERS) if issuer else None)


async def _verified(provider: VerificationProvider | None, action: AskProvider, codes: Codes) -> Answer:
    if provider is None:
        return Answer(Finding.REFUSED, detail=_NOBODY)
    answer = await provider.query(action.key) if action.asked_before else None
    if answer is None:
        code, verification_code = NO_CODES
        if provider.needs_codes:
            code, verification_code = await codes.codes_of(action.card_id, action.order_id)
        answer = await provider.verify(Question(
            key=action.key, card_id=action.card_id, issuer=action.issuer, code=code,
            verification_code=verification_code, entry=action.entry, expected_minor=action.expected_minor,
        ))
    return await _confirmed(provider, action.key, answer) if answer.finding.final else answer


async def _confirmed(provider: VerificationProvider, key: str, answer: Answer) -> Answer:
    """A final answer, if the provider says the same when it is asked again. It may be gone by then, or never have
    heard of it, for it refused: then its word stands."""
    again = await provider.query(key)
    if again is None or not again.finding.final or again[:2] == answer[:2]:
        return answer
    detail = f"{answer.finding} of {answer.face_minor}, then {again.finding} of {again.face_minor}"
    return Answer(Finding.CONTRADICTORY, detail=detail)


async def _released(provider: VerificationProvider | None, key: str) -> tuple[Releasing, str]:
    """What it says twice; of two words neither is one, and it is asked again later."""
    if provider is None:
        return Releasing.NOT_RELEASED, _NOBODY
    told = await provider.release(key)
    again = told if told[0] is Releasing.UNKNOWN else await provider.release(key)
    return told if again[0] is told[0] else (Releasing.UNKNOWN, f"{told[0]}, then {again[0]}")


def _message(card_id: str, body: object) -> Message:
    return Message(id="", key=card_id, body=body, fresh_id=uuid_utils.uuid7().hex)
