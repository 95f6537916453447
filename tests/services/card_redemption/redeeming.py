"""Redemptions in memory: the card service with sagas of its own, beside a credit ledger that says what it is told."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import CreditWallet
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.codes import CardCode, Envelope
from services.card_redemption.domain.commands import FreezeCard
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import (
    Asker,
    CancelFee,
    ChannelPolicy,
    Kind,
    Limits,
    Settlement,
)
from services.card_redemption.domain.redemption import participation as ask
from services.card_redemption.domain.redemption.commands import (
    AdvanceRedemption,
    ConfirmRedemption,
    RequestCancel,
)
from services.card_redemption.domain.redemption.drafts import DWELL_MIN, Draft
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import CustomerAnswer, LedgerPayout, PayoutAnswer
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.submitting import Denied
from services.card_redemption.domain.redemption.timers import RESUBMITTED
from services.card_redemption.domain.verification import AskProvider, Finding, ReportVerification
from services.kernel.decision import Command, Rule
from services.kernel.ids import derived
from services.kernel.journal import Unit
from services.kernel.messages import Op
from services.kernel.notices import Acknowledged, Notice
from services.kernel.saga import Reply, Run, Verdict
from tests.in_memory import InMemory, Step

NOW = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)
FACE_MINOR = 8_000
CARD = GiftCard("crd_1", "cus_1", 100_000, 100_000, NOW)
SELF = ChannelPolicy(
    "SELF", Kind.SELF, 940_000, timedelta(seconds=5), only_unverified=True, asked_by=Asker.SUPPORT, version=1
)
MAO = ChannelPolicy(
    "MAO", Kind.THIRD_PARTY, 940_000, timedelta(seconds=480), CancelFee(share_ppm=100_000), only_unverified=True,
    reviewed=True, commission_ppm=20_000, version=1,
)
SU = ChannelPolicy(
    "SU", Kind.THIRD_PARTY, 940_000, timedelta(seconds=900), CancelFee(500), only_unverified=True, version=1
)
COOLING = ChannelPolicy(
    "COOLING", Kind.THIRD_PARTY, 940_000, timedelta(seconds=600), CancelFee(500), only_unverified=True,
    limits=Limits(cancelled_daily_minor=50_000), version=1,
)
CODE = CardCode("index-1", CARD.id, CARD.code_number, "WXYZ", Envelope(1, b"", b""))
T1 = ChannelPolicy(
    "T1", Kind.SELF, 940_000, until_settled=True, asked_by=Asker.SUPPORT, settlement=Settlement.NEXT_WORKING_DAY,
    version=1,
)
T1_PAID = replace(
    SU, channel="T1_PAID", kind=Kind.SELF, window=None, until_settled=True, only_unverified=False,
    settlement=Settlement.NEXT_WORKING_DAY,
)
ESCROW = replace(SELF, channel="ESCROW", settlement=Settlement.ON_CONDITION)
LATER = replace(SELF, channel="LATER", settlement=Settlement.SCHEDULED)
KEPT = ChannelPolicy(
    "KEPT", Kind.THIRD_PARTY, 940_000, until_settled=True, settlement=Settlement.NEXT_WORKING_DAY,
    commission_ppm=20_000, sla_working_days=5, version=1,
)
"""May be taken back after its provider has read the code, if that lets go of it (OP-7)."""
CHANNELS = (SELF, MAO, SU, COOLING, T1, T1_PAID, ESCROW, LATER, KEPT)


@dataclass
class Ledger:
    """The credit ledger's half: what it posts, and what it says of payouts."""

    says: LedgerPayout = LedgerPayout.SETTLED
    stops: bool = True
    refuses: str = ""
    book: Counter[tuple[str, str]] = field(default_factory=Counter)
    payouts: dict[str, int] = field(default_factory=dict)
    answered: dict[str, tuple[Verdict, object]] = field(default_factory=dict)

    def answer(self, command: Command, at: datetime) -> Reply:
        """What it answers; the same command gets the same answer."""
        assert command.saga is not None
        saga, body = command.saga, command.body
        key = f"{saga.saga_id}/{saga.op}"
        if saga.op is Op.TRY or saga.op is Op.EXECUTE:
            if key not in self.answered:
                self.answered[key] = self._decided(body, saga.saga_id, at, keep=saga.op is Op.EXECUTE)
            verdict, result = self.answered[key]
            moved = self._moved(body) if verdict is Verdict.DONE else ()
            return Reply(saga.saga_id, saga.branch, saga.op, verdict, self.refuses, moved, result)
        if saga.op is Op.CONFIRM:
            self._decided(body, saga.saga_id, at, keep=True)
        return Reply(saga.saga_id, saga.branch, saga.op, Verdict.DONE)

    def paid(self, payout_id: str) -> None:
        """A payout that was under way arrives."""
        amount_minor = self.payouts.pop(payout_id)
        self._post(("L.PAYOUT.TRANSIT", payout_id, amount_minor), ("A.BANK", "", -amount_minor))

    def _moved(self, body: object) -> tuple[tuple[str, int], ...]:
        if isinstance(body, ask.ChargeCancelFee):
            return (("CANCEL_FEE", body.plan.fee_minor),)
        if isinstance(body, ask.StopRedemptionPayout):
            return ()
        return body.plan.vector  # type: ignore[attr-defined, no-any-return]  # every other body has one

    def _decided(self, body: object, saga_id: str, at: datetime, keep: bool) -> tuple[Verdict, object]:
        if self.refuses:
            return Verdict.REFUSED, None
        if not keep:
            return Verdict.DONE, CustomerAnswer(at)
        if isinstance(body, ask.PayRedemption):
            self.payouts[body.plan.payout_id] = body.plan.amount_minor
            if self.says.paid:
                self.paid(body.plan.payout_id)
            return Verdict.DONE, PayoutAnswer(at, self.says)
        if isinstance(body, ask.StopRedemptionPayout):
            if self.stops:
                self.payouts.pop(body.plan.payout_id)
            return Verdict.DONE, PayoutAnswer(at, LedgerPayout.STOPPED if self.stops else LedgerPayout.SENT)
        self._post(*_lines(body, saga_id))
        return Verdict.DONE, CustomerAnswer(at)

    def _post(self, *lines: tuple[str, str, int]) -> None:
        assert sum(amount for _, _, amount in lines) == 0
        for account, sub, amount in lines:
            self.book[account, sub] += amount


def _lines(body: object, saga_id: str) -> tuple[tuple[str, str, int], ...]:
    if isinstance(body, ask.ChargeCancelFee):
        return ("L.CUST.WALLET", "", body.plan.fee_minor), ("I.CANCELFEE", "", -body.plan.fee_minor)
    if isinstance(body, ask.ClaimFromCustomer):
        return ("A.CUST.RECV", "", body.plan.amount_minor), ("X.CLEARING", saga_id, -body.plan.amount_minor)
    if isinstance(body, ask.CreditAdjustment):
        return ("X.CLEARING", saga_id, body.plan.amount_minor), ("L.CUST.WALLET", "", -body.plan.amount_minor)
    if isinstance(body, CreditWallet):
        return ("X.CLEARING", saga_id, body.plan.amount_minor), ("L.CUST.WALLET", "", -body.plan.amount_minor)
    if isinstance(body, ask.PayVoucherUse):
        return ("X.CLEARING", saga_id, body.plan.amount_minor), ("A.BANK", "", -body.plan.amount_minor)
    assert isinstance(body, ask.ReceiveRemittance)
    return ("A.BANK", "", body.plan.amount_minor), ("X.CLEARING", saga_id, -body.plan.amount_minor)


@dataclass
class Redeeming(InMemory):
    """One card of ours with 1,000.00 on it, whose owner has redeemed before, and channels in force. `settle_down` hands
    over what was sent."""

    rules: Mapping[type, Rule] = field(default_factory=lambda: RULES)
    timer_rules: Mapping[str, Rule] = field(default_factory=lambda: TIMERS)
    name: str = "card_redemption"
    now: datetime = NOW
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.given(CARD, CODE, Redeemer("cus_1", completed=1), *(InForce(terms) for terms in CHANNELS))
        self.balances.update({(Unit.CNY, "L.GIFTCARD", CARD.id): -CARD.balance_minor})

    def draft(self, terms: ChannelPolicy = SELF, nonce: str = "n1", **fields: object) -> Draft:
        """What the customer is about to submit."""
        own = terms.kind is Kind.SELF
        known: dict[str, object] = {
            "nonce": nonce, "customer_id": "cus_1", "account_id": "acc_1", "card_id": CARD.id if own else "fcd_1",
            "issuer": "" if own else "other", "blind_index": CODE.blind_index if own else "index-2",
            "declared_minor": FACE_MINOR, "channel": terms.channel,
            "terms_version": terms.version, "method": PayoutMethod.BANK_CARD, "instrument": "bank-1",
            "entry": EntryChannel.APP, "prepared_at": self.now - DWELL_MIN,
        }
        return Draft(**known | fields)  # type: ignore[arg-type]  # a test names fields by their own types

    def submit(self, draft: Draft, **fields: object) -> Step:
        """Confirm a draft, and let its customer be asked; what was denied is looked at once it was answered."""
        step = self.when(draft.card_id, ConfirmRedemption(draft, **fields))  # type: ignore[arg-type]  # as above
        self.settle_down()
        for again in [timer for timer in self.timers.values() if timer.kind == RESUBMITTED]:
            self.ring(again)
        return step

    def denied(self, draft: Draft) -> str:
        """Why a draft was denied or refused; "" if it was submitted."""
        step = self.submit(draft)
        return step.reason or (step.result.reason if isinstance(step.result, Denied) else "")

    def submitted(self, terms: ChannelPolicy = SELF, nonce: str = "n1", **fields: object) -> RedemptionOrder:
        """A redemption that was submitted."""
        draft = self.draft(terms, nonce, **fields)
        assert not self.submit(draft).reason
        return self.order(nonce)

    def order(self, nonce: str = "n1") -> RedemptionOrder:
        """The redemption of a draft, as it is now."""
        return self.row(RedemptionOrder, derived("rdm", nonce))

    def card_of(self, nonce: str = "n1") -> GiftCard:
        """Its card, as it is now."""
        return self.row(GiftCard, self.order(nonce).card_id)

    def do(self, body: object, nonce: str = "n1") -> Step:
        """Ask something of a redemption, and let what it causes come to rest."""
        step = self.when(self.order(nonce).card_id, body)
        self.settle_down()
        return step

    def cancel(self, nonce: str = "n1", **fields: object) -> Step:
        """Ask for a cancellation, as who may."""
        order = self.order(nonce)
        support = order.terms.asked_by is Asker.SUPPORT
        evidence = ("SCREEN_RECORDING:1",) if support else ()
        body = RequestCancel(order.id, "" if support else order.customer_id, order.terms.asked_by, "op-1", evidence)
        return self.do(body, nonce)

    def verify(
        self, face_minor: int = FACE_MINOR, finding: Finding = Finding.FOUND, nonce: str = "n1", frozen_for: str = ""
    ) -> RedemptionOrder:
        """Begin the verification when it is due, and have the provider report this; an operator may freeze the card in
        between."""
        order = self.order(nonce)
        if order.terms.by_hand:
            self.do(AdvanceRedemption(order.id, "op-1"), nonce)
        elif order.verify_at is not None:
            self.turn(max(order.verify_at - self.now, timedelta()))
        assert any(isinstance(each, AskProvider) and each.order_id == order.id for each in self.actions)
        if frozen_for:
            assert self.when(order.card_id, FreezeCard(order.card_id, frozen_for, "op_1")).reason == ""
        return self.report(face_minor, finding, nonce)

    def report(self, face_minor: int, finding: Finding, nonce: str = "n1") -> RedemptionOrder:
        """The provider says this."""
        order = self.order(nonce)
        self.tell(order.card_id, ReportVerification(order.card_id, order.id, order.id, finding, face_minor))
        self.settle_down()
        return self.order(nonce)

    def settle_down(self) -> None:
        """Hand over everything that was sent, until nothing is under way; what others wait for is not looked at."""
        for _ in range(1_000):
            if self.sent:
                self._deliver(self.sent.pop(0))
            elif self.replies:
                caller, reply = self.replies.pop(0)
                self.reply(caller.partition("/")[2], reply)
            elif self.acknowledged:
                caller, notice_id = self.acknowledged.pop(0)
                self.tell(caller.partition("/")[2], Acknowledged(notice_id))
            else:
                return
        raise AssertionError("messages without an end")

    def _deliver(self, command: Command) -> None:
        saga = command.saga
        if saga is None:
            self.tell(command.key, command.body, command.id, f"card_redemption/{self.row(Notice, command.id).root}")
        elif command.participant == "card_redemption":
            root = self.row_root(saga.saga_id)
            self.command(
                command.key, command.body, saga.op, saga.saga_id, branch=saga.branch, caller=f"card_redemption/{root}",
                not_after=command.not_after,
            )
        else:
            self.reply(self.row_root(saga.saga_id), self.ledger.answer(command, self.now))

    def row_root(self, saga_id: str) -> str:
        """The root of a saga."""
        return self.row(Run, saga_id).root

    def both(self) -> Counter[tuple[str, str]]:
        """What stands on every account over both books (BK-4)."""
        sums = Counter(self.ledger.book)
        for (_, account, sub), amount in self.balances.items():
            sums[account, sub] += amount
        return Counter({key: amount for key, amount in sums.items() if amount})
