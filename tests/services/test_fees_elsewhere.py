"""What may be cancelled is: a fee that nobody can take from the account that was named is taken from the customer's own
money account, over both real books; nobody else ever pays it (RD-35, OP-6)."""

import pytest

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import OpenAccount
from services.kernel.ids import money_account
from tests.in_memory import InMemory
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import COOLING, FACE_MINOR, MAO, SU, Redeeming
from tests.services.card_redemption.retelling import Retelling
from tests.services.test_receivables_first import Books

R = RedemptionState
OWN, THEIRS, NOBODYS = money_account("cus_1"), "acc_theirs", "acc_nobody"


def _ask(made: Redeeming, terms: ChannelPolicy) -> None:
    made.cancel()
    if terms.reviewed:
        made.do(ask.DecideCancelReview(made.order().id, True, "op_1", ""))


def _begun(made: Redeeming) -> list[tuple[str, str]]:
    """On which account each settlement of it was begun, and why."""
    facts = [event.body for event in made.events if isinstance(event.body, RedemptionStepped)]
    return [(each.redemption.account_id, each.redemption.reason) for each in facts if each.step is Step.CANCEL_BEGUN]


def _denied(made: InMemory) -> list[Attempt]:
    return [each for each in made.records if isinstance(each, Attempt) and each.outcome is AttemptOutcome.DENIED]


@pytest.mark.parametrize("terms", [SU, COOLING, MAO], ids=lambda terms: terms.channel)
@pytest.mark.parametrize("named", [THEIRS, NOBODYS])
def test_a_fee_for_an_account_that_is_not_his_is_taken_from_his_own(named: str, terms: ChannelPolicy) -> None:
    """It was refused, also after a review had said yes, where `CanCancel` said ALLOW."""
    made = Books()
    retelling = Retelling(made)
    assert made.other.when(THEIRS, OpenAccount(THEIRS, "cus_2", 0)).reason == ""
    made.submitted(terms, account_id=named)

    _ask(made, terms)

    fee_minor = terms.fee.of(FACE_MINOR)
    assert made.order().state is R.CANCELLED
    assert (made.order().cancel_fee_minor, made.order().account_id, made.order().reason) == (fee_minor, OWN, "")
    assert made.other.row(CreditAccount, OWN).receivable_minor == fee_minor
    assert made.other.row(CreditAccount, THEIRS).receivable_minor == 0
    assert _begun(made) == [(named, ""), (OWN, "ACCOUNT_NOT_FOUND")]
    assert _denied(made) == []
    assert not retelling.faults()
    is_sound(made)


def test_it_is_asked_for_elsewhere_once() -> None:
    """What even his own account refuses has no other; the redemption goes on, and the record says why."""
    made = Redeeming()
    made.submitted(SU)
    made.ledger.refuses = "ACCOUNT_NOT_FOUND"

    _ask(made, SU)

    assert (made.order().state, made.order().reason) == (R.ACCEPTED, "ACCOUNT_NOT_FOUND")
    assert _begun(made) == [("acc_1", ""), (OWN, "ACCOUNT_NOT_FOUND")]
    assert [(each.kind, each.reason) for each in _denied(made)] == [("REQUEST_CANCEL", "ACCOUNT_NOT_FOUND")]
    is_sound(made)


def test_what_is_refused_for_another_reason_is_asked_for_once() -> None:
    """The account stays his as he named it."""
    made = Redeeming()
    made.submitted(SU)
    made.ledger.refuses = "VALUE_OUT_OF_BOUNDS"

    _ask(made, SU)

    assert (made.order().state, made.order().account_id) == (R.ACCEPTED, "acc_1")
    assert _begun(made) == [("acc_1", "")]
