"""Every call about a card or a redemption is recorded; what sagas and timers ask is not a call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.domain import commands as of_cards
from services.card_redemption.domain.disputes.commands import FreezeForDispute
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.redemption import commands
from services.card_redemption.domain.redemption.drafts import redemption_name
from services.card_redemption.domain.redemption.participation import LedgerPayout
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.timers import DRAFT_ENDS
from services.kernel.decision import Done, Known, Refused
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Run
from tests.services.card_redemption.disputing import CLERK, FULL, asked, decided, handled, opened
from tests.services.card_redemption.redeeming import COOLING, FACE_MINOR, SELF, Redeeming

Act = Callable[[Redeeming], object]
_OF_REDEMPTIONS = [each for each in vars(commands).values() if getattr(each, "__module__", "") == commands.__name__]
_CALLED = (
    of_cards.IssueCard, of_cards.ActivateCard, of_cards.ActivateTransfer, of_cards.TransferCard,
    of_cards.WithdrawTransfer, of_cards.FreezeCard, of_cards.UnfreezeCard, of_cards.VoidCard, of_cards.CloseCard,
    of_cards.RevealCode, *_OF_REDEMPTIONS,
)


@pytest.mark.parametrize("body", _CALLED)
def test_every_call_is_recorded(body: type) -> None:
    """Whoever adds one records it."""
    assert RULES[body].record is not None


@pytest.mark.parametrize("body", [of_cards.DepositCard, of_cards.RefundCard, of_cards.ClearMerchantShare])
def test_what_orders_ask_is_recorded_by_orders(body: type) -> None:
    """The hot path of settlements has no record of its own."""
    assert RULES[body].record is None


@pytest.mark.parametrize(
    ("outcome", "became", "reason"),
    [
        (Done(), AttemptOutcome.DONE, ""), (Refused("CARD_STATE"), AttemptOutcome.DENIED, "CARD_STATE"),
        (Refused("INTERNAL", status="INTERNAL"), AttemptOutcome.FAILED, "INTERNAL"),
    ],
)
def test_a_call_about_a_redemption_says_who_and_what(
    outcome: Done | Refused, became: AttemptOutcome, reason: str
) -> None:
    """An operator at the support desk; the card is the one that the message names."""
    record = RULES[commands.AcceptPlatformFault].record
    assert record is not None

    told = record(commands.AcceptPlatformFault("rdm_1", "sup_1"), Message("req", "crd_1", None), outcome)

    assert told == Attempt(
        "ACCEPT_PLATFORM_FAULT", "sup_1", EntryChannel.SUPPORT, became, reason, card_id="crd_1", order_id="rdm_1",
        request_id="req",
    )


def test_a_draft_that_nobody_confirms_is_recorded_as_abandoned() -> None:
    """By its timer, for nobody asked; the page was closed (RD-3, OP-12)."""
    now = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)
    timer = TIMERS[DRAFT_ENDS]

    decision = timer.decide(Known(), TimerDue(DRAFT_ENDS, "nonce", now), Message("", "cus_1", None), now)

    assert decision.records == (Attempt(
        "PREPARE_REDEMPTION", "cus_1", EntryChannel.ENGINE, AttemptOutcome.ABANDONED, order_id=redemption_name("nonce"),
    ),)


def _denied(made: Redeeming) -> list[tuple[str, str]]:
    return [
        (each.kind, each.reason) for each in made.records
        if isinstance(each, Attempt) and each.outcome is AttemptOutcome.DENIED
    ]


def test_a_submission_that_its_customers_root_refuses_is_on_record_as_denied() -> None:
    """When it was confirmed it was only begun (RD-23, RD-31)."""
    made = Redeeming().given(Redeemer("cus_1"))

    made.submit(made.draft(SELF))

    assert made.order().state is RedemptionState.FAILED_RETRYABLE
    assert _denied(made) == [("CONFIRM_REDEMPTION", "FIRST_REDEMPTION_CAP")]


@pytest.mark.parametrize(("body", "kind"), [
    (lambda name: commands.CorrectFace(name, FACE_MINOR - 1_000, "op-1"), "CORRECT_FACE"),
    (lambda name: commands.AcceptPlatformFault(name, "sup-1"), "ACCEPT_PLATFORM_FAULT"),
])
def test_what_the_credit_ledger_refuses_is_on_record_as_denied(body: Callable[[str], object], kind: str) -> None:
    """By the name of the call that began it."""
    made = Redeeming()
    made.submitted()
    made.verify()
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    made.do(body(made.order().id))

    assert _denied(made) == [(kind, "ACCOUNT_NOT_ACTIVE")]


def _granted(kind: T, claimed_minor: int = 0) -> Act:
    def act(made: Redeeming) -> None:
        decided(made, handled(made, kind, *FULL, claimed_minor=claimed_minor))

    return act


def _carried_out_later(made: Redeeming) -> None:
    """It is asked for again by a timer."""
    _granted(T.PLATFORM_FAULT)(made)
    made.records.clear()
    made.turn(timedelta(days=1))
    made.settle_down()


@pytest.mark.parametrize(("act", "kinds"), [
    (_granted(T.WRONG_FACE, FACE_MINOR - 1_000), ["DECIDE_DISPUTE"]),
    (_granted(T.PLATFORM_FAULT), ["DECIDE_DISPUTE"]),
    (_carried_out_later, ["DECIDE_DISPUTE"]),
    (lambda made: opened(made, T.FRAUD), ["OPEN_DISPUTE"]),
    (_granted(T.DUPLICATE_CODE), ["DECIDE_DISPUTE"]),
    (lambda made: asked(made, FreezeForDispute(handled(made, T.DUPLICATE_CODE).id, CLERK)), ["FREEZE_FOR_DISPUTE"]),
], ids=["face", "fault", "later", "fraud", "kept", "stopped"])
def test_what_the_credit_ledger_refuses_of_a_case_is_on_record_as_a_call_of_the_case(
    act: Act, kinds: list[str]
) -> None:
    """RD-31: nobody called `CorrectFace` or `ReportFraud`; the payout is at the bank, so it is to be stopped."""
    made = Redeeming()
    made.submitted()
    made.ledger.says = LedgerPayout.SENT
    made.verify()
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    act(made)

    assert _denied(made) == [(kind, "ACCOUNT_NOT_ACTIVE") for kind in kinds]


def test_each_payout_that_a_case_would_stop_is_stopped_for_its_call() -> None:
    """RD-31: the second one is asked for when the first is answered, which nobody called for."""
    made = Redeeming()
    made.submitted()
    made.ledger.says = LedgerPayout.SENT
    made.verify()
    made.do(commands.CorrectFace(made.order().id, FACE_MINOR + 1_000, "sup-1"))
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    opened(made, T.FRAUD)

    assert _denied(made) == [("OPEN_DISPUTE", "ACCOUNT_NOT_ACTIVE")] * 2


def test_what_an_older_release_began_is_on_record_by_what_it_is_for() -> None:
    """Its plan does not say by which call."""
    made = Redeeming()
    made.submitted()
    made.verify()
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"
    made.when(made.order().card_id, commands.AcceptPlatformFault(made.order().id, "sup-1"))
    (run,) = (row for row in made.rows.values() if isinstance(row, Run) and not row.terminal)
    made.given(replace(run, plan=replace(run.plan, what=replace(run.plan.what, asked=""))))

    made.settle_down()

    assert _denied(made) == [("ACCEPT_PLATFORM_FAULT", "ACCOUNT_NOT_ACTIVE")]


def test_a_cancellation_beyond_the_cap_is_on_record_as_denied() -> None:
    """A17: it was asked for, and begun."""
    made = Redeeming()
    made.submitted(COOLING, declared_minor=50_001)

    made.cancel()

    assert _denied(made) == [("REQUEST_CANCEL", "CANCEL_DAILY_CAP")]


def test_a_payout_that_has_to_wait_is_nobodys_denied_call() -> None:
    """It is asked for again, by the wallet and then every day."""
    made = Redeeming()
    made.submitted()
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    made.verify()

    assert _denied(made) == []
