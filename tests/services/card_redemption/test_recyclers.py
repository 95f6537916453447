"""What a recycler keeps and pays is a part of what it owes for a card (P27, P29)."""

import pytest

from services.card_redemption.domain.redemption import commands as ask
from tests.services.card_redemption.redeeming import FACE_MINOR, MAO, SELF, Redeeming

OWED_MINOR = FACE_MINOR * 96 // 100
"""The payout, and the commission of two of a hundred."""
FULL = "EXCEEDS_RECEIVABLE"


def _settled(declared_minor: int = FACE_MINOR) -> Redeeming:
    made = Redeeming()
    made.submitted(MAO, declared_minor=declared_minor)
    made.verify(declared_minor)
    return made


def _remits(made: Redeeming, amount_minor: int, reference: str = "ref-1") -> str:
    return made.do(ask.RecordRemittance(made.order().id, amount_minor, reference)).reason


def _keeps(made: Redeeming, amount_minor: int) -> str:
    return made.do(ask.RecordChannelFee(made.order().id, amount_minor)).reason


@pytest.mark.parametrize(("fee", "paid", "more", "kept", "remitted"), [
    (0, 0, OWED_MINOR, "", ""), (0, 0, OWED_MINOR + 1, FULL, FULL), (100, 0, OWED_MINOR - 100, "", ""),
    (100, 0, OWED_MINOR - 99, FULL, FULL), (100, 7_000, OWED_MINOR - 7_100, "", ""),
    (100, 7_000, OWED_MINOR - 7_099, FULL, FULL), (0, OWED_MINOR, 1, FULL, FULL),
    (0, 0, 0, "INVALID_AMOUNT", "INVALID_AMOUNT"), (0, 0, 2**63 - 1, "INVALID_AMOUNT", "INVALID_AMOUNT"),
])
def test_it_keeps_and_pays_no_more_than_it_owes(fee: int, paid: int, more: int, kept: str, remitted: str) -> None:
    """To the fen; what is refused is written nowhere."""
    for does, reason in ((_keeps, kept), (_remits, remitted)):
        made = _settled()
        before = [_keeps(made, amount) for amount in (fee,) if amount]
        before += [_remits(made, amount, "ref-0") for amount in (paid,) if amount]
        assert not any(before)
        stands, journals = made.order(), len(made.journals)

        assert does(made, more) == reason

        assert ((made.order(), len(made.journals)) == (stands, journals)) is bool(reason)
        assert made.both()["A.CH.RECYCLER", MAO.channel] == made.order().receivable_minor


def test_what_it_owes_follows_the_face() -> None:
    """It paid for more than the card was worth: from then on it pays nothing."""
    made = _settled()
    assert _remits(made, OWED_MINOR) == ""
    made.do(ask.CorrectFace(made.order().id, FACE_MINOR - 1_000, "op-1"))

    assert made.order().receivable_minor == -960
    assert _remits(made, 1, "ref-2") == FULL
    made.do(ask.CorrectFace(made.order().id, FACE_MINOR + 1_000, "op-1"))
    assert _remits(made, 961, "ref-3") == FULL
    assert _remits(made, 960, "ref-4") == ""


def test_nobody_recycles_a_card_of_ours() -> None:
    """There is no recycler that owes anything."""
    made = Redeeming()
    made.submitted(SELF)
    made.verify()

    assert (_remits(made, 1), _keeps(made, 1), made.order().receivable_minor) == (
        "REDEMPTION_STATE", "REDEMPTION_STATE", 0,
    )
