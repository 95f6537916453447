"""A payout that the credit ledger refuses goes into its customer's own wallet, once and for good: it is asked for no
more in the way that was refused, and nobody else is ever paid (PM-3, OP-6)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import LedgerPayout
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.timers import PAY
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import OpenAccount
from services.kernel.calendar import DAY
from services.kernel.decision import Command, Timer
from services.kernel.ids import money_account
from services.kernel.messages import Op
from services.kernel.saga import ABORT, Reply, Verdict
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import FACE_MINOR, SELF, Ledger, Redeeming
from tests.services.card_redemption.retelling import Retelling
from tests.services.test_receivables_first import ACCOUNT, Books

R, P = RedemptionState, PayoutMethod
OWN, THEIRS, NOBODYS = money_account("cus_1"), "acc_theirs", "acc_nobody"
PAYOUT_MINOR = SELF.payout_minor(FACE_MINOR)


@dataclass
class Parking(Ledger):
    """A credit ledger that sets aside what it is asked to do in one step."""

    def answer(self, command: Command, at: datetime) -> Reply:
        """What it answers."""
        saga = command.saga
        assert saga is not None
        if saga.op is Op.EXECUTE:
            return Reply(saga.saga_id, saga.branch, saga.op, Verdict.PARKED, "POISON")
        return super().answer(command, at)


def _told(made: Redeeming, step: Step) -> list[RedemptionOrder]:
    """The redemption as each such step told it."""
    facts = [event.body for event in made.events if isinstance(event.body, RedemptionStepped)]
    return [fact.redemption for fact in facts if fact.step is step]


def _wallets(made: Books) -> dict[str, int]:
    """What accounts have in their wallets."""
    rows = [row for row in made.other.rows.values() if isinstance(row, CreditAccount)]
    return {row.id: row.wallet_minor for row in rows if row.wallet_minor}


@pytest.mark.parametrize("method", [P.JD_BALANCE, P.BANK_CARD])
@pytest.mark.parametrize("named", [THEIRS, NOBODYS])
def test_a_payout_for_an_account_that_is_not_his_goes_into_his_wallet(named: str, method: PayoutMethod) -> None:
    """Over both real books: it was refused each minute for ever."""
    made = Books()
    retelling = Retelling(made)
    assert made.other.when(THEIRS, OpenAccount(THEIRS, "cus_2", 0)).reason == ""
    made.submitted(SELF, account_id=named, method=method)

    made.verify()

    assert made.order().state is R.COMPLETED
    assert _wallets(made) == {OWN: PAYOUT_MINOR}
    (refused,) = _told(made, Step.PAYOUT_DELAYED)
    assert (refused.reason, refused.account_id, refused.payouts[0].method) == ("ACCOUNT_NOT_FOUND", OWN, P.JD_BALANCE)
    assert made.order().method is method
    assert len(_told(made, Step.PAYOUT_BEGUN)) == 2
    assert not retelling.faults()
    is_sound(made)


def test_what_was_paid_into_his_wallet_is_claimed_from_there() -> None:
    """P32: the redemption is on his money account from then on."""
    made = Books()
    made.submitted(SELF, account_id=NOBODYS)
    made.verify()

    made.do(ask.CorrectFace(made.order().id, FACE_MINOR - 1_000, "op_1"))

    assert made.order().claimed_minor == PAYOUT_MINOR - SELF.payout_minor(FACE_MINOR - 1_000)
    assert made.other.row(CreditAccount, OWN).receivable_minor == made.order().claimed_minor


def test_what_even_the_wallet_refuses_is_told_and_asked_for_once_a_day() -> None:
    """At once by the wallet, then no more often than that."""
    made = Redeeming()
    made.submitted(SELF)
    made.ledger.refuses = "VALUE_OUT_OF_BOUNDS"
    made.verify()
    assert made.order().state is R.PAYOUT_RETRY
    for _ in range(72):
        made.turn(timedelta(hours=1))
        made.settle_down()

    told = _told(made, Step.PAYOUT_DELAYED)

    assert [each.reason for each in told] == ["VALUE_OUT_OF_BOUNDS"] * (2 + 3)
    is_sound(made)
    made.ledger.refuses = ""
    made.turn(DAY)
    made.settle_down()
    assert made.order().state is R.COMPLETED


def test_what_an_operator_leads_waits_for_him_to_ask_by_the_wallet() -> None:
    """Nothing of it goes on by itself (D94); what he asks for next is paid."""
    made = Redeeming().given(InForce(replace(SELF, by_hand=True)))
    made.submitted(SELF)
    led = made.order()
    made.verify()
    made.do(ask.AdvanceRedemption(led.id, "op-1"))
    made.ledger.refuses = "ACCOUNT_NOT_FOUND"
    made.do(ask.AdvanceRedemption(led.id, "op-1"))
    assert (PAY, led.id) not in made.timers

    made.ledger.refuses = ""
    made.do(ask.AdvanceRedemption(led.id, "op-1"))

    assert made.order().payouts[0].method is P.JD_BALANCE
    assert made.order().state is R.COMPLETED


def test_an_account_that_took_a_payout_keeps_its_redemption() -> None:
    """It is his: what is refused of a top-up goes into its wallet, for the first payout may have to be stopped yet."""
    made = Redeeming()
    made.submitted(SELF)
    made.ledger.says = LedgerPayout.SENT
    made.verify()
    made.ledger.refuses = "VALUE_OUT_OF_BOUNDS"

    made.do(ask.CorrectFace(made.order().id, FACE_MINOR + 1_000, "op_1"))

    sent, topped_up = made.order().payouts
    assert made.order().account_id == ACCOUNT
    assert (sent.method, sent.state) == (P.BANK_CARD, PayoutState.SENT)
    assert (topped_up.method, topped_up.state) == (P.JD_BALANCE, PayoutState.DUE)


def test_a_payout_that_was_given_up_is_asked_for_again_as_it_was() -> None:
    """Nobody refused it: it was set aside, and a person gave that up."""
    made = Redeeming(ledger=Parking())
    made.submitted(SELF)
    made.verify()
    given_up = made.order()
    made.timers[ABORT, given_up.settlement_id] = Timer(ABORT, given_up.settlement_id, given_up.card_id, made.now)
    made.fire()
    made.settle_down()
    (delayed,) = _told(made, Step.PAYOUT_DELAYED)
    assert (delayed.reason, delayed.account_id, delayed.payouts) == ("OPERATOR_ABORT", ACCOUNT, given_up.payouts)

    made.ledger = Ledger()
    made.turn(timedelta(minutes=1))
    made.settle_down()

    assert made.order().state is R.COMPLETED
    assert made.order().payouts[0].method is P.BANK_CARD
