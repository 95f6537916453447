"""What a draft's token tells whoever holds it: nothing (RD-20), and the engine all of it (RD-24)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protovalidate import Validator

from services.card_redemption.domain.codes import Envelope, SealedCode
from services.card_redemption.domain.redemption.commands import ConfirmRedemption, PrepareRedemption
from services.card_redemption.domain.redemption.drafts import Draft, sign
from services.card_redemption.rpc.preparing import Preparing
from services.card_redemption.vault import DraftSeal, Vault
from services.kernel.errors import InvalidArgument
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from settlement.common.v1 import money_pb2
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import Redeeming
from tests.services.card_redemption.test_codes import CODE, OTHERS, issue

KEY = b"k" * 32
SEAL = DraftSeal(KEY)
IDS = st.from_regex(r"crd_[A-Za-z0-9_-]{1,60}", fullmatch=True)


def draft(**fields: Any) -> Draft:
    """One of the customer's."""
    return Redeeming().draft(**fields)


@given(ours=IDS, instrument=st.text("bank证-1", max_size=20))
def test_a_token_opens_to_its_draft_and_is_as_long_whatever_card_it_names(ours: str, instrument: str) -> None:
    """Ids of ours have from 5 to 64 signs, of another's 44."""
    drafts = [draft(card_id=card_id, instrument=instrument) for card_id in (ours, "fcd_" + "0" * 40)]

    tokens = [SEAL.sealed(sign(each, KEY)) for each in drafts]

    assert [SEAL.opened(token) for token in tokens] == drafts
    assert len({len(token) for token in tokens}) == 1
    assert tokens == [SEAL.sealed(sign(each, KEY)) for each in drafts]  # a repeated request has the same answer
    assert not [token for token in tokens if b"card_id" in token or ours[:8].encode() in token]


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_a_token_can_be_changed(place: int, bit: int) -> None:
    """It is ours as it is, or it is none."""
    token = bytearray(SEAL.sealed(sign(draft(), KEY)))
    token[place % len(token)] ^= 1 << bit

    with pytest.raises(InvalidArgument, match="DRAFT_INVALID"):
        SEAL.opened(bytes(token))


@pytest.mark.parametrize(
    "token", [sign(draft(), KEY), DraftSeal(b"o" * 32).sealed(sign(draft(), b"o" * 32)), b"0" * 33]
)
def test_what_was_not_sealed_by_us_is_no_draft(token: bytes) -> None:
    """A signed one neither: nobody outside has any."""
    with pytest.raises(InvalidArgument, match="DRAFT_INVALID"):
        SEAL.opened(token)


async def _prepared(cards: CardLedger, monkeypatch: pytest.MonkeyPatch, code: str, asked: list[Any]) -> bytes:
    """The token that a stranger gets for a code."""

    async def ask(context: Any, request: Any, *, key: str, body: Any) -> pb.PrepareRedemptionResponse:
        asked.append((key, body))
        token = sign(body.draft, body.key) if isinstance(body, PrepareRedemption) else b""
        return pb.PrepareRedemptionResponse(token=token)

    monkeypatch.setattr(cards, "ask", ask)
    edge: Any = cards
    request = pb.PrepareRedemptionRequest(
        request_id=cards.request_id(),
        customer_id="cus_2",
        code=code,
        channel="SELF",
        declared=money_pb2.Money(minor_units=100, currency_code="CNY"),
    )
    return (await Preparing(edge, Vault.of(cards.settings)).prepare(request, cards.context)).token


async def test_a_stranger_does_not_learn_from_a_token_whose_code_it_was(
    cards: CardLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It named the card of ours, or none: who only prepares is never counted as guessing (RD-20)."""
    await issue(cards, code=CODE)
    asked: list[Any] = []

    ours, nobodys = [await _prepared(cards, monkeypatch, code, asked) for code in (CODE, OTHERS)]

    assert [body.draft.card_id[:5] for _, body in asked] == ["crd_1", asked[1][1].draft.card_id[:5]]
    assert len(ours) == len(nobodys)
    assert not [token for token in (ours, nobodys) if b"crd_" in token or b"fcd_" in token]

    edge: Any = cards
    preparing = Preparing(edge, Vault.of(cards.settings))
    await preparing.confirm(pb.ConfirmRedemptionRequest(request_id=cards.request_id(), token=ours), cards.context)
    key, body = asked[-1]
    assert isinstance(body, ConfirmRedemption)
    assert key == body.draft.card_id == "crd_1"


def test_the_longest_draft_that_can_be_prepared_can_be_confirmed() -> None:
    """Papers of Chinese signs beyond the first plane take 12 bytes each in it: Confirm took 8,192 in all."""
    envelope = Envelope(2_147_483_647, b"w" * 60, b"s" * 92)
    longest = replace(
        draft(instrument="𠀀" * 200, evidence=("𠀀" * 200,) * 20),
        account_id="a" * 64,
        customer_id="c" * 64,
        issuer="𠀀" * 64,
        code=SealedCode("0" * 40, "𠀀" * 4, envelope),
        verification=envelope,
        agreement_id="a" * 64,
        quoted="q" * 64,
    )
    request = pb.ConfirmRedemptionRequest(
        request_id="00000000-0000-4000-8000-000000000001", token=SEAL.sealed(sign(longest, KEY))
    )

    assert len(request.token) > 8_192
    assert not Validator().collect_violations(request)
