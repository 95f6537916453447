"""Redemptions with a saga of every kind just begun, and all that may happen to them before it ends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from services.card_redemption.domain.cards.closing import CARD_CLOSE
from services.card_redemption.domain.codes import Envelope, SealedCode
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    CloseCard,
    DepositCard,
    FreezeCard,
    RefundCard,
    ReturnDeposit,
    RevealCode,
    TransferCard,
    UnfreezeCard,
    VoidCard,
)
from services.card_redemption.domain.disputes import commands as cases
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.enterprise.commands import RevokeRedemption
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.verification import Finding, Releasing, ReportRelease, ReportVerification
from tests.services.card_redemption.disputing import BOSS, FULL, SCREENSHOT, handled
from tests.services.card_redemption.redeeming import (
    CARD,
    COOLING,
    FACE_MINOR,
    MAO,
    SELF,
    SU,
    T1_PAID,
    Redeeming,
)

Begin = Callable[[], Redeeming]
Happening = Callable[[Redeeming], None]
APP = EntryChannel.APP
RECORDING = ("SCREEN_RECORDING:1",)
NEW_CODE = SealedCode("index-9", "WXYZ", Envelope(1, b"", b""))


def fresh() -> Redeeming:
    """The card has paid for two orders: one is not shipped, one is."""
    made = Redeeming()
    for order_id in ("ord_1", "ord_2"):
        made.command(CARD.id, DepositCard(CARD.id, order_id, "cus_1", "mer_1", 3_000))
    made.command(CARD.id, CaptureDeposit(CARD.id, "ord_2", "mer_1", 3_000))
    return made


def submitting(terms: ChannelPolicy) -> Begin:
    """Its customer is asked for."""

    def begin() -> Redeeming:
        made = fresh()
        draft = made.draft(terms)
        made.when(draft.card_id, ask.ConfirmRedemption(draft))
        return made

    return begin


def asked(terms: ChannelPolicy, *bodies: Callable[[str], object], verified: bool = False, sent: bool = False) -> Begin:
    """Submitted, verified if that is wanted, then asked this; the last of it has only begun."""

    def begin() -> Redeeming:
        made = fresh()
        made.ledger.says = LedgerPayout.SENT if sent else LedgerPayout.SETTLED
        made.submitted(terms)
        if verified:
            made.verify()
        for body in bodies[:-1]:
            assert made.do(body(made.order().id)).reason == ""
        assert made.when(made.order().card_id, bodies[-1](made.order().id)).reason == ""
        return made

    return begin


def paying(terms: ChannelPolicy) -> Begin:
    """Verified and settled at once; the credit ledger is asked to pay."""

    def begin() -> Redeeming:
        made = fresh()
        made.submitted(terms)
        order = made.order()
        made.turn(max((order.verify_at or made.now) - made.now, timedelta()))
        made.tell(order.card_id, ReportVerification(order.card_id, order.id, order.id, Finding.FOUND, FACE_MINOR))
        return made

    return begin


def giving_back() -> Redeeming:
    """A dispute granted an amount."""
    made = fresh()
    made.submitted(SELF)
    made.verify()
    case = handled(made, DisputeType.REFUND_AMOUNT, *FULL, claimed_minor=100)
    assert made.when(CARD.id, cases.DecideDispute(case.id, Verdict.UPHELD, None, "", "why", BOSS)).reason == ""
    return made


def closing() -> Redeeming:
    """A card whose redemption was cancelled is closed."""
    made = fresh()
    made.submitted(SELF)
    made.cancel()
    assert made.when(CARD.id, CloseCard(CARD.id, "cus_1", "", "cus_1", APP)).reason == ""
    return made


def following() -> Redeeming:
    """What an order gives back to a card that is written off is on its way to the wallet."""
    made = fresh()
    made.submitted(SELF)
    made.verify()
    made.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 1_000))
    made.replies.clear()
    return made


def cancel(who: Asker = Asker.CUSTOMER) -> Callable[[str], object]:
    """Its customer, or support, takes it back."""
    customer, operator = ("cus_1", "") if who is Asker.CUSTOMER else ("", "op-1")
    return lambda name: ask.RequestCancel(name, customer, who, operator, RECORDING)


def face(actual_minor: int) -> Callable[[str], object]:
    """The face was another."""
    return lambda name: ask.CorrectFace(name, actual_minor, "op-1")


def fault(name: str) -> object:
    """It never should have been."""
    return ask.AcceptPlatformFault(name, "sup-1")


BEGINNINGS: dict[str, tuple[str, Begin]] = {
    "submission": (Kind.SUBMISSION, submitting(SELF)), "submission elsewhere": (Kind.SUBMISSION, submitting(SU)),
    "cancel for a fee": (Kind.PAID_CANCEL, asked(SU, cancel())),
    "cancel within a cap": (Kind.PAID_CANCEL, asked(COOLING, cancel())),
    "cancel by a review": (
        Kind.PAID_CANCEL, asked(MAO, cancel(), lambda name: ask.DecideCancelReview(name, True, "op-1", "")),
    ),
    "cancel of ours": (Kind.PAID_CANCEL, asked(T1_PAID, cancel())),
    "cancel of what was read": (Kind.PAID_CANCEL, asked(T1_PAID, cancel(), verified=True)),
    "payout": (Kind.PAYOUT, paying(SELF)), "payout elsewhere": (Kind.PAYOUT, paying(SU)),
    "payout of a top-up": (Kind.PAYOUT, asked(SELF, face(FACE_MINOR + 100), verified=True)),
    "stop for a face": (Kind.STOP_PAYOUT, asked(SELF, face(FACE_MINOR - 100), verified=True, sent=True)),
    "stop for a fault": (Kind.STOP_PAYOUT, asked(SELF, fault, verified=True, sent=True)),
    "stop for a fault elsewhere": (Kind.STOP_PAYOUT, asked(SU, fault, verified=True, sent=True)),
    "stop for a fraud": (
        Kind.STOP_PAYOUT, asked(SELF, lambda name: ask.ReportFraud(name, "police"), verified=True, sent=True),
    ),
    "claim for a face": (Kind.CLAIM, asked(SELF, face(FACE_MINOR - 100), verified=True)),
    "claim for a fault": (Kind.CLAIM, asked(SELF, fault, verified=True)),
    "claim for a fault elsewhere": (Kind.CLAIM, asked(SU, fault, verified=True)),
    "voucher": (Kind.VOUCHER_USE, asked(
        SELF, lambda name: ask.IssueVoucher(name, "cus_1"),
        lambda name: ask.UseVoucher(name, "cus_1", "UTILITY", 100), verified=True,
    )),
    "remittance": (
        Kind.REMITTANCE, asked(SU, lambda name: ask.RecordRemittance(name, 100, "remittance-1"), verified=True),
    ),
    "adjustment": (Kind.ADJUSTMENT, giving_back),
    "closing": (CARD_CLOSE, closing), "following": (CARD_CLOSE, following),
}
"""By name: the kind of the saga, and how to come there."""


def _of_card(body: Callable[[str], object]) -> Happening:
    def happen(made: Redeeming) -> None:
        made.when(made.order().card_id, body(made.order().card_id))

    return happen


def _of_order(body: Callable[[str], object]) -> Happening:
    def happen(made: Redeeming) -> None:
        made.when(made.order().card_id, body(made.order().id))

    return happen


def _told(body: Callable[[Redeeming], object], name: str) -> Happening:
    def happen(made: Redeeming) -> None:
        made.tell(made.order().card_id, body(made), name, "credit_ledger/x")

    return happen


def _of_shop(body: object) -> Happening:
    """An order of the shop asks something of our card."""

    def happen(made: Redeeming) -> None:
        made.command(CARD.id, body)
        made.replies.clear()

    return happen


def _thawed(made: Redeeming) -> None:
    HAPPENINGS["an operator freezes the card"](made)
    card_id = made.order().card_id
    made.when(card_id, UnfreezeCard(card_id, "case_1", "op-1"))


def _submitted_again(customer: str) -> Happening:
    def happen(made: Redeeming) -> None:
        draft = replace(made.draft(made.order().terms, "n2"), customer_id=customer)
        made.when(draft.card_id, ask.ConfirmRedemption(draft))

    return happen


def _dispute(kind: DisputeType) -> Happening:
    asked_about = Asked(kind, (*FULL, SCREENSHOT))
    return _of_order(lambda name: cases.OpenDispute(name, "cus_1", asked_about, 0, 0, "cus_1", APP))


def _time(by: timedelta) -> Happening:
    return lambda made: made.turn(by)


def _restricted(made: Redeeming) -> None:
    """A card of the same customer turns out to be spent."""
    made.given(replace(made.row(Redeemer, "cus_1"), restricted="spent", cases=("rdm_x",)))


def _payout(made: Redeeming) -> str:
    payouts = made.order().payouts
    return payouts[-1].id if payouts else "pay_none"


HAPPENINGS: dict[str, Happening] = {
    "nothing": lambda made: None,
    "an operator freezes the card": _of_card(lambda card: FreezeCard(card, "case_1", "op-1")), "thawed": _thawed,
    "closed": _of_card(lambda card: CloseCard(card, "cus_1", "", "cus_1", APP)),
    "voided": _of_card(lambda card: VoidCard(card, "op-1", "op-2")),
    "given away": _of_card(lambda card: TransferCard(card, "cus_1", "cus_2", "cus_1", APP)),
    "code shown": _of_card(lambda card: RevealCode(card, "cus_1", NEW_CODE, "cus_1", APP)),
    "deposit back": _of_shop(ReturnDeposit(CARD.id, "ord_1", "mer_1", 1_000)),
    "refund": _of_shop(RefundCard(CARD.id, "ord_2", "mer_1", "rfd_1", 2_000)),
    "shipped": _of_shop(CaptureDeposit(CARD.id, "ord_1", "mer_1", 500)),
    "submitted again": _submitted_again("cus_1"), "submitted by another": _submitted_again("cus_2"),
    "cancelled": _of_order(cancel()), "cancelled by support": _of_order(cancel(Asker.SUPPORT)),
    "reviewed": _of_order(lambda name: ask.DecideCancelReview(name, False, "op-1", "no")),
    "intercepted": _of_order(lambda name: ask.InterceptRedemption(name, "op-1", RECORDING)),
    "fraud": _of_order(lambda name: ask.ReportFraud(name, "police")),
    "less": _of_order(face(FACE_MINOR - 500)), "more": _of_order(face(FACE_MINOR + 500)), "fault": _of_order(fault),
    "voucher": _of_order(lambda name: ask.IssueVoucher(name, "cus_1")),
    "fee": _of_order(lambda name: ask.RecordChannelFee(name, 10)),
    "revoked": _told(lambda made: RevokeRedemption(made.order().id, "", "bat_1", made.now), "bat_1/rdm"),
    "verified": _told(lambda made: ReportVerification(
        made.order().card_id, made.order().id, made.order().id, Finding.FOUND, FACE_MINOR - 1), ""),
    "spent": _told(lambda made: ReportVerification(
        made.order().card_id, made.order().id, made.order().id, Finding.CONSUMED, 0), ""),
    "let go": _told(lambda made: ReportRelease(
        made.order().card_id, made.order().id, made.order().id, Releasing.RELEASED), ""),
    "paid": _told(lambda made: PayoutSettled(made.order().id, _payout(made), rerouted=False), "paid/1"),
    "rerouted": _told(lambda made: PayoutSettled(made.order().id, _payout(made), rerouted=True), "paid/2"),
    "refused by the bank": _told(lambda made: PayoutNews(made.order().id, _payout(made), True, "closed"), "news/1"),
    "disputed": _dispute(DisputeType.CANCEL_DENIED), "said to be a fraud": _dispute(DisputeType.FRAUD),
    "said to be a wrong face": _dispute(DisputeType.WRONG_FACE), "restricted": _restricted,
    "a minute": _time(timedelta(minutes=1)), "three weeks": _time(timedelta(days=21)),
}
"""What may happen between the beginning of a saga and its end, by name."""
