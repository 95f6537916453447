"""The sandbox verifier: one verification per key, what it is told to say, and faults that can be repeated."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from services.runtime.rpc.errors import from_rpc_error
from settle.local.shares import PPM, Dice
from settle.local.verifier.book import VerifierBook
from settle.local.verifier.faults import VerifierFaults
from settlement.sandbox.v1 import verification_service_pb2 as pb
from tests.settle.local.verifier.sandbox import Sandbox, sandbox

CANARY = "CANARY7777CANARY"
PENDING, FOUND = pb.VERIFICATION_FINDING_PENDING, pb.VERIFICATION_FINDING_FOUND
CONSUMED, INVALID = pb.VERIFICATION_FINDING_CONSUMED, pb.VERIFICATION_FINDING_INVALID
REFUSED = pb.VERIFICATION_FINDING_REFUSED
SECONDS = 2.0
"""So long a caller waits for what never answers; what does answer is there long before, on a machine at work too."""


def asked(key: str = "rdm_1", card_id: str = "fcd_1", expected: int = 500) -> pb.VerifyRequest:
    """A card to verify."""
    return pb.VerifyRequest(
        idempotency_key=key, card_id=card_id, issuer="other", code=CANARY, verification_code="424242",
        expected_minor=expected, entry=pb.VERIFICATION_ENTRY_APP,
    )


async def _verify(there: Sandbox, request: pb.VerifyRequest | None = None) -> pb.Verification:
    return (await there.stub.Verify(request or asked())).verification


async def _read(there: Sandbox, key: str = "rdm_1") -> pb.Verification:
    request = pb.GetVerificationRequest(idempotency_key=key)
    return (await there.stub.GetVerification(request)).verification


async def test_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    """The second call is counted, and nothing else; what the asker expects is found."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        first, again, read = await _verify(there), await _verify(there), await _read(there)

    assert (first.finding, first.face_minor, first.calls, again.calls) == (FOUND, 500, 1, 2)
    assert (read.finding, read.face_minor, read.create_time) == (FOUND, 500, first.create_time)


@pytest.mark.parametrize(("told", "expected"), [
    (pb.SetCardBehaviourRequest(finding=FOUND, face_minor=300), (FOUND, 300)),
    (pb.SetCardBehaviourRequest(finding=CONSUMED, face_minor=20), (CONSUMED, 20)),
    (pb.SetCardBehaviourRequest(finding=INVALID), (INVALID, 0)),
    (pb.SetCardBehaviourRequest(finding=REFUSED), (REFUSED, 0)),
    (pb.SetCardBehaviourRequest(held=True), (PENDING, 0)),
])
@pytest.mark.parametrize("card_id", ["fcd_1", "*"])
async def test_it_says_what_it_is_told(
    tmp_path: Path, told: pb.SetCardBehaviourRequest, expected: tuple[int, int], card_id: str
) -> None:
    """Of one card, or of all that nothing else is said of."""
    told.card_id = card_id
    async with sandbox(tmp_path / "book.sqlite") as there:
        await there.stub.SetCardBehaviour(told)

        verified = await _verify(there)

    assert (verified.finding, verified.face_minor) == expected


async def test_a_held_answer_comes_when_it_is_let_go(tmp_path: Path) -> None:
    """Then it stands, whatever is told later."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", held=True))
        held = await _verify(there)
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", finding=FOUND, face_minor=9))
        released = await _read(there)
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", finding=INVALID))
        again = await _read(there)

    said = [(each.finding, each.face_minor) for each in (held, released, again)]
    assert said == [(PENDING, 0), (FOUND, 9), (FOUND, 9)]


async def test_it_may_say_two_things(tmp_path: Path) -> None:
    """FOUND at first, CONSUMED when it is asked again."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", contradicts=True))

        assert [(await _verify(there)).finding, (await _read(there)).finding] == [FOUND, CONSUMED]


@pytest.mark.parametrize("keeps", [False, True])
async def test_a_code_is_released_or_kept(tmp_path: Path, keeps: bool) -> None:
    """As it is told; asked twice it says the same."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", keeps_code=keeps))
        await _verify(there)
        request = pb.ReleaseCodeRequest(idempotency_key="rdm_1")

        released = [(await there.stub.ReleaseCode(request)).verification.released for _ in range(2)]

    assert released == [not keeps, not keeps]


@pytest.mark.parametrize(("method", "request_", "reason"), [
    ("Verify", asked(card_id="fcd_2"), "IDEMPOTENCY_CONFLICT"), ("Verify", asked(key="rdm 1"), "INVALID_ARGUMENT"),
    ("Verify", asked(expected=-1), "INVALID_AMOUNT"),
    ("GetVerification", pb.GetVerificationRequest(idempotency_key="rdm_9"), "VERIFICATION_NOT_FOUND"),
    ("ReleaseCode", pb.ReleaseCodeRequest(idempotency_key="rdm_9"), "VERIFICATION_NOT_FOUND"),
    ("SetCardBehaviour", pb.SetCardBehaviourRequest(card_id="* *"), "INVALID_ARGUMENT"),
    ("SetVerificationFaults", pb.SetVerificationFaultsRequest(refused_ppm=PPM + 1), "INVALID_AMOUNT"),
])
async def test_every_refusal_has_its_reason(tmp_path: Path, method: str, request_: Any, reason: str) -> None:
    """As at all our services."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await _verify(there)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(there.stub, method)(request_)

    assert from_rpc_error(caught.value).reason == reason


@pytest.mark.parametrize(("fault", "code", "known"), [
    ("timeout_done_ppm", grpc.StatusCode.DEADLINE_EXCEEDED, True),
    ("timeout_undone_ppm", grpc.StatusCode.DEADLINE_EXCEEDED, False),
    ("unavailable_ppm", grpc.StatusCode.UNAVAILABLE, False),
])
async def test_a_call_may_go_wrong(tmp_path: Path, fault: str, code: grpc.StatusCode, known: bool) -> None:
    """Done or not, the caller is not told."""
    async with sandbox(tmp_path / "book.sqlite", VerifierFaults(**{fault: PPM})) as there:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await there.stub.Verify(asked(), timeout=SECONDS)

        assert caught.value.code() is code
        assert (there.book.find("rdm_1") is not None) is known


async def test_it_can_refuse_for_good(tmp_path: Path) -> None:
    """Once it is set to at run time."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await there.stub.SetVerificationFaults(pb.SetVerificationFaultsRequest(refused_ppm=PPM))

        assert ((await _verify(there)).finding, (await _read(there)).finding) == (REFUSED, REFUSED)


async def test_it_takes_its_time(tmp_path: Path) -> None:
    """Until then it works on it."""
    async with sandbox(tmp_path / "book.sqlite", VerifierFaults(latency_ppm=PPM)) as there:
        assert ((await _verify(there)).finding, (await _read(there)).finding) == (PENDING, PENDING)


def test_the_typical_time_is_that_of_the_source() -> None:
    """7.3 s in the app, 12.1 s on the website, three to eight minutes for the cards of others (RD-5)."""
    faults, dice = VerifierFaults(latency_ppm=PPM), Dice(7)

    assert (faults.seconds("", True, dice), faults.seconds("", False, dice)) == (7.3, 12.1)
    assert all(180 <= faults.seconds("other", True, dice) <= 480 for _ in range(100))
    assert VerifierFaults().seconds("other", True, dice) == 0


async def test_no_code_is_kept(tmp_path: Path) -> None:
    """Whoever finds the file finds none in it."""
    async with sandbox(tmp_path / "book.sqlite") as there:
        await _verify(there)

    kept = _all_bytes(tmp_path)
    assert b"rdm_1" in kept
    assert CANARY.encode() not in kept
    assert b"424242" not in kept


def _all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_what_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    """Another process on the same file says the same."""
    first = VerifierBook(tmp_path / "book.sqlite")
    asked_once = first.ask("rdm_1", "fcd_1", 500, 0.0, contradicts=False)
    first.close()

    second = VerifierBook(tmp_path / "book.sqlite")
    assert second.read("rdm_1") == asked_once
    second.close()
