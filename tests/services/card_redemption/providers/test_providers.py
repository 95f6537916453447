"""One contract over all providers, and the worker that asks them: one question, one answer, and nobody paid on two."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.verification import (
    AskProvider,
    AskRelease,
    Finding,
    Releasing,
    ReportVerification,
)
from services.card_redemption.providers.asking import OTHERS, Perform, performing
from services.card_redemption.providers.own import OwnCards
from services.card_redemption.providers.provider import Answer, Question, VerificationProvider
from services.card_redemption.providers.remote import RemoteProvider
from services.kernel.secret import Secret
from settle.local.shares import PPM
from settle.local.verifier.faults import VerifierFaults
from settlement.sandbox.v1 import verification_service_pb2 as pb
from tests.settle.local.verifier.sandbox import Sandbox, sandbox

CARD = GiftCard("crd_1", "cus_1", 1_000, 700, datetime(2026, 3, 6, tzinfo=UTC))
SPENT = GiftCard("crd_2", "cus_1", 1_000, 0, datetime(2026, 3, 6, tzinfo=UTC))
LET_GO = AskRelease("fcd_1", "rdm_1", "rdm_1", "other")
SECONDS_MAX = 0.3
CODE = "CANARY7777CANARY"


@dataclass
class Codes:
    """Where codes come from; counts how often they were opened."""

    opened: list[str] = field(default_factory=list)

    async def codes_of(self, card_id: str, order_id: str) -> tuple[Secret, Secret]:
        """The codes of this order."""
        self.opened.append(order_id)
        return Secret(CODE), Secret("424242")


async def find_card(card_id: str) -> GiftCard | None:
    """The cards of ours that there are."""
    return {card.id: card for card in (CARD, SPENT)}.get(card_id)


def question(card_id: str = "crd_1", key: str = "rdm_1", expected: int = 700) -> Question:
    """A card to verify."""
    return Question(
        key=key, card_id=card_id, issuer="", code=Secret(CODE), verification_code=Secret("424242"),
        entry=EntryChannel.APP, expected_minor=expected,
    )


PROVIDERS: dict[str, Callable[[str], VerificationProvider]] = {
    "own": lambda target: OwnCards(find_card),
    "own beside a sandbox": lambda target: OwnCards(find_card, RemoteProvider(target, SECONDS_MAX)),
    "remote": lambda target: RemoteProvider(target, SECONDS_MAX),
}


@asynccontextmanager
async def provider(
    name: str, folder: Path, faults: VerifierFaults | None = None
) -> AsyncIterator[VerificationProvider]:
    """One of them, with a sandbox to talk to."""
    async with sandbox(folder / "book.sqlite", faults) as there:
        yield PROVIDERS[name](there.target)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_key_is_verified_once(name: str, tmp_path: Path) -> None:
    """However often it is asked, it says the same, with a face that is none below 0."""
    async with provider(name, tmp_path) as asked:
        first, again, later = await asked.verify(question()), await asked.verify(question()), await asked.query("rdm_1")

    assert first == again == Answer(Finding.FOUND, 700)
    assert later in (None, first)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_what_was_never_asked_is_not_known(name: str, tmp_path: Path) -> None:
    """It is none, and no finding."""
    async with provider(name, tmp_path) as asked:
        assert await asked.query("rdm_9") is None


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_code_is_given_back_by_who_verified_it(name: str, tmp_path: Path) -> None:
    """The answer is one of three words."""
    async with provider(name, tmp_path) as asked:
        await asked.verify(question())

        assert await asked.release("rdm_1") == (Releasing.RELEASED, "")


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_code_is_given_back_once_however_often_it_is_asked_for(name: str, tmp_path: Path) -> None:
    """The same word each time: who asks again after a silence is told what was done."""
    async with provider(name, tmp_path) as asked:
        await asked.verify(question())

        told = {(await asked.release("rdm_1"))[0] for _ in range(3)}

    assert told == {Releasing.RELEASED}


@pytest.mark.parametrize("faults", [
    VerifierFaults(timeout_done_ppm=PPM), VerifierFaults(timeout_undone_ppm=PPM), VerifierFaults(unavailable_ppm=PPM),
])
async def test_no_answer_about_a_code_is_neither_yes_nor_no(faults: VerifierFaults, tmp_path: Path) -> None:
    """It is asked again later, and then the answer is what was done."""
    async with worker(tmp_path, Codes()) as (act, there):
        await _report(act, asking())
        await there.stub.SetVerificationFaults(pb.SetVerificationFaultsRequest(**asdict(faults)))
        silent = await _report(act, LET_GO)
        await there.stub.SetVerificationFaults(pb.SetVerificationFaultsRequest())
        told = await _report(act, LET_GO)

    assert (silent.releasing, told.releasing) == (Releasing.UNKNOWN, Releasing.RELEASED)


@pytest.mark.parametrize(("behaviour", "releasing"), [
    (pb.SetCardBehaviourRequest(card_id="fcd_1"), Releasing.RELEASED),
    (pb.SetCardBehaviourRequest(card_id="fcd_1", keeps_code=True), Releasing.NOT_RELEASED),
    (pb.SetCardBehaviourRequest(card_id="fcd_1", contradicts=True), Releasing.UNKNOWN),
])
async def test_a_code_that_is_let_go_of_is_reported(
    behaviour: pb.SetCardBehaviourRequest, releasing: Releasing, tmp_path: Path
) -> None:
    """Only what is said twice counts: of yes and then no, neither (OP-7)."""
    async with worker(tmp_path, Codes()) as (act, there):
        await _report(act, asking())
        await there.stub.SetCardBehaviour(behaviour)

        report = await _report(act, LET_GO)

    assert (report.card_id, report.order_id, report.key, report.releasing) == ("fcd_1", "rdm_1", "rdm_1", releasing)


async def test_a_code_that_nobody_verified_is_not_given_back(tmp_path: Path) -> None:
    """There is nothing to let go of."""
    async with worker(tmp_path, Codes()) as (act, _):
        assert (await _report(act, LET_GO)).releasing is Releasing.NOT_RELEASED


@pytest.mark.parametrize("name", ["own beside a sandbox", "remote"])
@pytest.mark.parametrize(("faults", "finding"), [
    (VerifierFaults(timeout_done_ppm=PPM), Finding.UNKNOWN), (VerifierFaults(timeout_undone_ppm=PPM), Finding.UNKNOWN),
    (VerifierFaults(unavailable_ppm=PPM), Finding.UNKNOWN), (VerifierFaults(refused_ppm=PPM), Finding.REFUSED),
    (VerifierFaults(latency_ppm=PPM), Finding.PENDING),
])
async def test_no_answer_is_no_finding(
    name: str, faults: VerifierFaults, finding: Finding, tmp_path: Path
) -> None:
    """A time-out is asked about later, a refusal is final."""
    async with provider(name, tmp_path, faults) as asked:
        assert (await asked.verify(question())).finding is finding


async def test_a_key_of_another_card_is_refused(tmp_path: Path) -> None:
    """And what the other side writes of it is not repeated, for it was sent a code."""
    async with provider("remote", tmp_path) as asked:
        await asked.verify(question())

        answer = await asked.verify(question("fcd_2"))

    assert answer == Answer(Finding.REFUSED, 0, "IDEMPOTENCY_CONFLICT")


@pytest.mark.parametrize(("card_id", "expected"), [
    ("crd_1", (Finding.FOUND, 700)), ("crd_2", (Finding.CONSUMED, 0)), ("crd_9", (Finding.INVALID, 0)),
])
@pytest.mark.parametrize("name", ["own", "own beside a sandbox"])
async def test_a_card_of_ours_is_worth_what_it_holds(
    name: str, card_id: str, expected: tuple[Finding, int], tmp_path: Path
) -> None:
    """Whatever the customer says of it (RD-25)."""
    async with provider(name, tmp_path) as asked:
        assert (await asked.verify(question(card_id, expected=9_999)))[:2] == expected


def asking(card_id: str = "fcd_1", issuer: str = "other", asked_before: bool = False) -> AskProvider:
    """The action of a decision."""
    return AskProvider(
        card_id=card_id, order_id="rdm_1", key="rdm_1", issuer=issuer, entry=EntryChannel.WEB,
        asked_before=asked_before, expected_minor=500,
    )


@asynccontextmanager
async def worker(
    folder: Path, codes: Codes, faults: VerifierFaults | None = None
) -> AsyncIterator[tuple[Perform, Sandbox]]:
    """The worker over a sandbox."""
    async with sandbox(folder / "book.sqlite", faults) as there:
        providers: dict[str, VerificationProvider] = {
            "": OwnCards(find_card), OTHERS: RemoteProvider(there.target, SECONDS_MAX),
        }
        yield performing(providers, codes), there


async def _report(act: Perform, action: AskProvider | AskRelease) -> Any:  # Any: one of two reports
    message = await act(action)
    assert message is not None
    assert message.key == action.card_id
    return message.body


async def test_what_was_found_is_reported_to_the_card(tmp_path: Path) -> None:
    """With the order and the key, and without the code."""
    async with worker(tmp_path, Codes()) as (act, _):
        report = await _report(act, asking())

    assert report == ReportVerification("fcd_1", "rdm_1", "rdm_1", Finding.FOUND, 500)
    assert CODE not in repr(report)


async def test_a_question_that_may_have_arrived_is_asked_about_first(tmp_path: Path) -> None:
    """The code is opened again only if nobody has heard of it."""
    codes = Codes()
    async with worker(tmp_path, codes, VerifierFaults(timeout_done_ppm=PPM)) as (act, there):
        lost = await _report(act, asking())
        await there.stub.SetVerificationFaults(pb.SetVerificationFaultsRequest())
        found = await _report(act, asking(asked_before=True))

    assert (lost.finding, found.finding, codes.opened) == (Finding.UNKNOWN, Finding.FOUND, ["rdm_1"])


async def test_a_question_that_never_arrived_is_asked_under_the_same_key(tmp_path: Path) -> None:
    """There is one verification in the end."""
    codes = Codes()
    async with worker(tmp_path, codes, VerifierFaults(timeout_undone_ppm=PPM)) as (act, there):
        await _report(act, asking())
        await there.stub.SetVerificationFaults(pb.SetVerificationFaultsRequest())
        report = await _report(act, asking(asked_before=True))
        verified = there.book.find("rdm_1")

    assert verified is not None
    assert (report.finding, verified.calls, codes.opened) == (Finding.FOUND, 1, ["rdm_1", "rdm_1"])


async def test_two_answers_are_none(tmp_path: Path) -> None:
    """Who says FOUND and then CONSUMED is reported as that."""
    async with worker(tmp_path, Codes()) as (act, there):
        await there.stub.SetCardBehaviour(pb.SetCardBehaviourRequest(card_id="fcd_1", contradicts=True))

        report = await _report(act, asking())

    assert (report.finding, report.face_minor) == (Finding.CONTRADICTORY, 0)
    assert report.detail == "FOUND of 500, then CONSUMED of 500"


async def test_no_code_of_ours_is_opened(tmp_path: Path) -> None:
    """Its value says enough, and beside a sandbox none is sent either."""
    codes = Codes()
    async with sandbox(tmp_path / "book.sqlite") as there:
        act = performing({"": OwnCards(find_card, RemoteProvider(there.target, SECONDS_MAX))}, codes)

        report = await _report(act, asking("crd_1", issuer=""))

    assert (report.finding, report.face_minor, codes.opened) == (Finding.FOUND, 700, [])


@pytest.mark.parametrize("action", [asking(), LET_GO])
async def test_an_issuer_without_a_provider_is_refused(action: AskProvider | AskRelease) -> None:
    """Nobody is asked in his place, and no code is opened."""
    codes = Codes()
    act = performing({"": OwnCards(find_card)}, codes)

    report = await _report(act, action)

    assert codes.opened == []
    assert (getattr(report, "finding", None) or getattr(report, "releasing", None)) in (
        Finding.REFUSED, Releasing.NOT_RELEASED,
    )


async def test_what_is_no_question_is_left_to_others() -> None:
    """Other actions are other workers'."""
    assert await performing({}, Codes())(object()) is None
