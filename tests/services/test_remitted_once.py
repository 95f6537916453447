"""A recycler's payment is booked once, in both books: under its name, and within what is owed for the card (P29)."""

import pytest

from services.card_redemption.domain.redemption import commands as ask
from services.credit_ledger.domain.model.channel import RecyclingChannel
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import SU
from tests.services.card_redemption.retelling import Retelling
from tests.services.test_receivables_first import Books


@pytest.mark.parametrize("amount_minor", [1_000, 2_000])
def test_a_payment_that_is_told_twice_is_booked_once(amount_minor: int) -> None:
    """By two requests: the second comes to nothing, whatever it says of the amount, and the next payment is taken."""
    made = Books()
    retelling = Retelling(made)
    made.submitted(SU)
    made.verify()
    name = made.order().id
    made.do(ask.RecordRemittance(name, 1_000, "paid-1"))

    made.do(ask.RecordRemittance(name, amount_minor, "paid-1"))

    assert (made.order().remitted_minor, made.order().reason) == (1_000, "REMITTANCE_EXISTS")
    assert made.order().settlement_id == ""
    made.do(ask.RecordRemittance(name, 500, "paid-2"))
    assert made.order().remitted_minor == made.other.row(RecyclingChannel, SU.channel).received_minor == 1_500
    assert retelling.faults() == []
    is_sound(made)
