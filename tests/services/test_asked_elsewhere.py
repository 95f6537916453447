"""What a redemption brings its customer after it is over reaches him, also where the account that he named is not his
and nothing was ever paid there: of a face of a fen, whose payout is nothing (OP-6, OP-14, RD-28)."""

import pytest

from services.card_redemption.domain.disputes.case import DisputeState
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.vouchers import Category
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import OpenAccount
from services.kernel.ids import money_account
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import SCREENSHOT, decided, ends, handled, rings
from tests.services.card_redemption.redeeming import SELF, Redeeming
from tests.services.card_redemption.retelling import Retelling
from tests.services.test_receivables_first import Books

OWN, THEIRS, NOBODYS = money_account("cus_1"), "acc_theirs", "acc_nobody"
NAMED = pytest.mark.parametrize("named", [THEIRS, NOBODYS])


def _complete(made: Redeeming, named: str) -> None:
    made.submitted(SELF, account_id=named, declared_minor=1)
    made.verify(1)
    assert (made.order().state, made.order().payouts) == (RedemptionState.COMPLETED, ())


def _paid_nothing(named: str) -> tuple[Books, Retelling]:
    made = Books()
    retelling = Retelling(made)
    assert made.other.when(THEIRS, OpenAccount(THEIRS, "cus_2", 0)).reason == ""
    _complete(made, named)
    return made, retelling


def _begun(made: Redeeming, step: Step) -> list[tuple[str, str]]:
    """On which account each settlement of it was begun, and why."""
    facts = [event.body for event in made.events if isinstance(event.body, RedemptionStepped)]
    return [(each.redemption.account_id, each.redemption.reason) for each in facts if each.step is step]


def _denied(made: Redeeming) -> list[tuple[str, str]]:
    tried = [each for each in made.records if isinstance(each, Attempt)]
    return [(each.kind, each.reason) for each in tried if each.outcome is AttemptOutcome.DENIED]


@NAMED
def test_what_a_dispute_grants_goes_into_his_own_wallet(named: str) -> None:
    """It was asked for at the account that he named, day by day."""
    made, retelling = _paid_nothing(named)
    case = handled(made, DisputeType.REFUND_AMOUNT, SCREENSHOT, claimed_minor=1)

    decided(made, case)
    rings(made)

    ends(made, case, DisputeState.EXECUTED)
    assert made.other.row(CreditAccount, OWN).wallet_minor == 1
    assert made.other.row(CreditAccount, THEIRS).wallet_minor == 0
    assert _begun(made, Step.ADJUSTING) == [(named, ""), (OWN, "ACCOUNT_NOT_FOUND")]
    assert (made.order().account_id, made.order().adjusted_minor, made.order().reason) == (OWN, 1, "")
    assert _denied(made) == []
    assert not retelling.faults()


@NAMED
def test_a_voucher_is_spent_on_his_own_account(named: str) -> None:
    """Whoever asked for it heard that there is no such account."""
    made, retelling = _paid_nothing(named)
    made.do(ask.IssueVoucher(made.order().id, "cus_1"))

    assert made.do(ask.UseVoucher(made.order().id, "cus_1", Category.UTILITY, 1)).reason == ""

    voucher = made.order().voucher
    assert voucher is not None
    assert (voucher.left_minor, made.order().account_id, made.order().reason) == (0, OWN, "")
    assert _begun(made, Step.VOUCHER_USING) == [(named, ""), (OWN, "ACCOUNT_NOT_FOUND")]
    assert _denied(made) == []
    assert not retelling.faults()
    is_sound(made)


@pytest.mark.parametrize(("reason", "accounts"), [
    ("ACCOUNT_NOT_FOUND", ["acc_1", OWN]), ("VALUE_OUT_OF_BOUNDS", ["acc_1"]),
])
def test_it_is_asked_for_elsewhere_once(reason: str, accounts: list[str]) -> None:
    """What even his own account refuses has no other, and what is refused for another reason stays where it was."""
    made = Redeeming()
    _complete(made, "acc_1")
    made.do(ask.IssueVoucher(made.order().id, "cus_1"))
    made.ledger.refuses = reason

    made.do(ask.UseVoucher(made.order().id, "cus_1", Category.UTILITY, 1))

    assert [account for account, _ in _begun(made, Step.VOUCHER_USING)] == accounts
    assert (made.order().reason, made.order().settlement_id) == (reason, "")
    assert _denied(made) == [("USE_VOUCHER", reason)]
    is_sound(made)
