"""A code of ours that is submitted as another issuer's is answered like one that nobody has seen: nothing tells a
stranger that it is ours, and nobody is paid for it (RD-20)."""

from typing import Any

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import foreign_id
from services.card_redemption.domain.codes import CardCode, Envelope, SealedCode
from services.card_redemption.domain.record.attempt import Attempt
from services.card_redemption.domain.redemption.commands import PrepareRedemption
from services.card_redemption.domain.redemption.drafts import sign
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.verification import Finding
from services.card_redemption.providers.codes import SealedCodes
from services.card_redemption.rpc.preparing import Preparing
from services.card_redemption.vault import Vault, well_formed
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import CARD, CODE, SELF, SU, Redeeming
from tests.services.card_redemption.retelling import Retelling
from tests.services.card_redemption.test_codes import CODE as OURS
from tests.services.card_redemption.test_codes import issue
from tests.services.card_redemption.test_refused_submissions import Looking
from tests.services.reading import reading

R = RedemptionState
UNSEEN = "index-9"


def _as_anothers(made: Redeeming, index: str, nonce: str = "s1", customer: str = "cus_2") -> Any:
    code = SealedCode(index, "WXYZ", Envelope(1, b"", b""))
    draft = made.draft(
        SU, nonce, customer_id=customer, account_id="acc_2", card_id=foreign_id(index), blind_index=index, code=code,
    )
    return made.submit(draft)


def _seen(index: str, finding: Finding = Finding.FOUND, redeemed: bool = False) -> tuple[Looking, list[Step]]:
    """What is read and told of a code that a stranger calls another issuer's; the provider says this of it."""
    made = Looking()
    if redeemed:
        made.submitted(SELF, "n1")
    made.asked.clear()
    told = len(made.events)
    assert not _as_anothers(made, index).reason
    made.verify(finding=finding, nonce="s1")
    facts = [event.body for event in made.events[told:] if isinstance(event.body, RedemptionStepped)]
    return made, [each.step for each in facts if each.redemption.customer_id == "cus_2"]


@pytest.mark.parametrize("redeemed", [False, True])
def test_a_stranger_hears_of_ours_what_he_hears_of_one_that_is_no_good(redeemed: bool) -> None:
    """He was told at once that there was no such card, which he hears of no code but ours."""
    ours, told = _seen(CODE.blind_index, redeemed=redeemed)
    unseen, expected = _seen(UNSEEN, Finding.INVALID, redeemed=redeemed)

    assert told == expected
    assert ours.asked == unseen.asked
    assert ours.order("s1").state is unseen.order("s1").state is R.FAILED
    assert ours.order("s1").reason == unseen.order("s1").reason


@pytest.mark.parametrize("finding", [Finding.FOUND, Finding.CONSUMED, Finding.INVALID, Finding.REFUSED])
def test_nobody_is_paid_for_ours_as_anothers(finding: Finding) -> None:
    """Whatever its provider says of it; the card of ours stays as it is, and the try counts as a wrong code."""
    made = Looking()
    retelling = Retelling(made)
    _as_anothers(made, CODE.blind_index)

    made.verify(finding=finding, nonce="s1")

    assert made.order("s1").state is R.FAILED
    assert made.row(GiftCard, CARD.id) == CARD
    assert made.row(CardCode, CODE.blind_index) == CODE
    tried = [each for each in made.records if isinstance(each, Attempt) and each.kind == "VERIFY_CODE"]
    assert [(each.actor, each.reason) for each in tried] == [("cus_2", "CODE_REJECTED")]
    assert not retelling.faults()
    assert not _as_anothers(made, CODE.blind_index, "s2").reason


def test_another_issuers_code_is_not_ours_because_it_was_seen() -> None:
    """Called ours, it is one that we do not know: it was taken for a card without value."""
    made = Redeeming()
    seen = made.submitted(SU)
    made.verify(finding=Finding.INVALID)
    draft = made.draft(SELF, "n2", card_id=seen.card_id, blind_index="index-2")

    assert made.denied(draft) == "CODE_REJECTED"


def test_its_owner_hears_at_once_that_it_is_ours() -> None:
    """Before anything is submitted; a stranger does not."""
    made = Redeeming()
    draft = made.draft(SU, blind_index=CODE.blind_index, card_id=foreign_id(CODE.blind_index))

    told = [made.when("cus_1", PrepareRedemption(draft, None, 0, b"k" * 32, his_of_ours=his)) for his in (True, False)]

    assert [each.reason for each in told] == ["CHANNEL_CARD", ""]


@pytest.mark.parametrize(("customer", "issuer", "his", "foreign"), [
    ("cus_1", "OTHER", True, True), ("cus_2", "OTHER", False, True), ("cus_1", "", True, False),
])
@pytest.mark.parametrize("digits", ["123456", ""])
async def test_a_draft_is_of_the_card_that_its_customer_names(
    cards: CardLedger, monkeypatch: pytest.MonkeyPatch, customer: str, issuer: str, his: bool, foreign: bool,
    digits: str,
) -> None:
    """Ours is looked up under its own id only where no issuer is named; only another issuer's needs digits."""
    await issue(cards, code=OURS)
    bodies: list[PrepareRedemption] = []

    async def ask(context: Any, request: Any, *, key: str, body: PrepareRedemption) -> pb.PrepareRedemptionResponse:
        bodies.append(body)
        return pb.PrepareRedemptionResponse(token=sign(body.draft, body.key))

    monkeypatch.setattr(cards, "ask", ask)
    edge: Any = cards
    await Preparing(edge, Vault.of(cards.settings)).prepare(pb.PrepareRedemptionRequest(
        request_id=cards.request_id(), customer_id=customer, code=OURS, issuer=issuer, channel="SU",
        verification_code=digits,
        declared=money_pb2.Money(minor_units=100, currency_code="CNY"),
    ), cards.context)

    [body] = bodies
    assert (body.his_of_ours, body.draft.card_id.startswith("fcd_")) == (his, foreign)
    assert body.looks_right is (not issuer or bool(digits))


async def test_no_other_provider_is_sent_a_code_of_ours(cards: CardLedger) -> None:
    """It is asked all the same, about one that nobody has: the same each time, for its key is that of one question."""
    vault = Vault.of(cards.settings)
    await issue(cards, code=OURS)
    index = await cards.connection.fetchval("select blind_index from card_codes")
    codes = SealedCodes(vault, reading(cards.settings.dsn))

    first, again = [(await codes.codes_of(foreign_id(index), "rdm_1"))[0] for _ in range(2)]

    assert first.reveal() == again.reveal() != OURS
    assert well_formed(first)
