"""What a recycler keeps and pays is an amount, for a card that it recycles (P29)."""

import pytest

from services.card_redemption.domain.redemption import commands as ask
from services.kernel.money import AMOUNT_MAX_MINOR
from tests.services.card_redemption.redeeming import MAO, SELF, Redeeming


def _asked(made: Redeeming, amount_minor: int) -> list[str]:
    order_id = made.order().id
    bodies = ask.RecordChannelFee(order_id, amount_minor), ask.RecordRemittance(order_id, amount_minor, "ref-1")
    return [made.do(body).reason for body in bodies]


@pytest.mark.parametrize("amount_minor", [0, AMOUNT_MAX_MINOR + 1, 2**63 - 1])
def test_what_is_no_amount_is_written_nowhere(amount_minor: int) -> None:
    """Neither nothing nor more than any amount may be."""
    made = Redeeming()
    made.submitted(MAO)
    made.verify()
    stands, journals = made.order(), len(made.journals)

    assert _asked(made, amount_minor) == ["INVALID_AMOUNT", "INVALID_AMOUNT"]
    assert (made.order(), len(made.journals)) == (stands, journals)


def test_nobody_recycles_a_card_of_ours() -> None:
    """There is no recycler that owes anything."""
    made = Redeeming()
    made.submitted(SELF)
    made.verify()

    assert _asked(made, 1) == ["REDEMPTION_STATE", "REDEMPTION_STATE"]
