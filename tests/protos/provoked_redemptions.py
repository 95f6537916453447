"""How to provoke the reasons of redemptions: the card service in memory, asked for what it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.enterprise.agreement import AgreedTerms, Agreement, AgreementTerms
from services.card_redemption.domain.enterprise.batch import RevocationItem
from services.card_redemption.domain.enterprise.commands import ReportRevocation
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, Demand, Kind, Limits, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption import drafts
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.credit_ledger.domain.model.redemptions import ReceiveRemittance
from services.kernel.calendar import TICK
from services.kernel.decision import Refused
from services.kernel.errors import SettlementError
from services.kernel.messages import Op
from tests.in_memory import Step
from tests.services.card_redemption.redeeming import CARD, COOLING, SELF, SU, Redeeming
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.shop import at

LOSSLESS = ChannelPolicy("LOSSLESS", Kind.SELF, 1_000_000, version=1)
ENTERPRISE = replace(SELF, channel="ENTERPRISE", demands=(Demand.AGREEMENT,))
SCHEDULED = replace(SELF, channel="SCHEDULED", settlement=Settlement.SCHEDULED)
ESCROW = replace(SELF, channel="ESCROW", settlement=Settlement.ON_CONDITION)
SMALL = replace(SELF, channel="SMALL", limits=Limits(face_max_minor=100), payouts=(PayoutMethod.JD_BALANCE,))
LATE = replace(
    SU, channel="LATE", window=None, until_settled=True, only_unverified=False, asked_by=Asker.SUPPORT,
    settlement=Settlement.NEXT_WORKING_DAY,
)
ABROAD = replace(SELF, channel="ABROAD", demands=(Demand.PURCHASER, Demand.IDENTITY, Demand.PURCHASE_PROOF))
BY_HAND = replace(SELF, channel="BY_HAND", by_hand=True)
RECORDING = ("SCREEN_RECORDING:1",)


def _world() -> Redeeming:
    channels = (LOSSLESS, ENTERPRISE, SCHEDULED, ESCROW, SMALL, BY_HAND, LATE, ABROAD)
    return Redeeming().given(*map(InForce, channels))


def _completed(terms: ChannelPolicy = SELF) -> Redeeming:
    world = _world()
    world.submitted(terms)
    world.verify()
    return world


def _refused_draft(terms: ChannelPolicy, **fields: object) -> Callable[[], str]:
    """The reason for which a draft of this channel is refused."""

    def provoke() -> str:
        world = _world()
        return world.submit(world.draft(terms, "n1", **fields)).reason

    return provoke


def _failed_submission(redeemer: Redeemer, declared_minor: int) -> str:
    world = _world().given(redeemer)
    world.submit(world.draft(declared_minor=declared_minor))
    return world.order().reason


def _of(terms: ChannelPolicy, body: Callable[[str], object], later: timedelta = timedelta()) -> Callable[[], str]:
    """The reason for which something is refused of a redemption that was accepted so long ago."""

    def provoke() -> str:
        world = _world()
        order = world.submitted(terms, scheduled_at=world.now + timedelta(hours=2) if terms is SCHEDULED else None)
        world.now += later  # and no timer has come yet
        return world.do(body(order.id)).reason

    return provoke


def _after(body: Callable[[str], object], terms: ChannelPolicy = SELF) -> Callable[[], str]:
    """The reason for which something is refused of a redemption that is complete."""

    def provoke() -> str:
        world = _completed(terms)
        return world.do(body(world.order().id)).reason

    return provoke


def _draft_invalid() -> str:
    try:
        drafts.read(b"0" * 64, b"key")
    except SettlementError as error:
        return error.reason
    return ""


def _confirmed(later: timedelta, earlier: timedelta = timedelta()) -> Step:
    world = _world()
    draft = world.draft()
    world.now += later - earlier
    return world.submit(draft)


def _twice(nonce: str, after: Callable[[Redeeming], object] = lambda world: None) -> str:
    world = _world()
    world.submitted()
    after(world)
    step = world.submit(world.draft(nonce=nonce))
    return step.reason or str(step.result.reason)


def _capped() -> str:
    world = _world()
    world.given(Redeemer("cus_1", completed=1)).submitted(COOLING, declared_minor=60_000)
    world.cancel()
    return world.order().reason


def _escrow_over() -> str:
    world = _world()
    order = world.submitted(ESCROW, deadline=world.now + timedelta(hours=1))
    world.verify()
    world.now += timedelta(hours=1) + TICK  # and no timer has come yet
    return world.when(order.card_id, ask.MeetEscrowCondition(order.id, "op-1")).reason


def _fraud(case: str) -> str:
    world = _world()
    order = world.submitted()
    world.do(ask.ReportFraud(order.id, "police"))
    return world.do(ask.DecideFraud(order.id, True, case, "op-1")).reason


def _in_transit() -> str:
    world = _world()
    order = world.submitted(BY_HAND)
    world.verify()
    for _ in range(2):
        world.do(ask.AdvanceRedemption(order.id, "op-1"))
    world.do(ask.CorrectFace(order.id, 9_000, "op-1"))
    return world.do(ask.AcceptPlatformFault(order.id, "boss")).reason


def _not_revocable() -> str:
    world = _world()
    order = world.submitted(LATE)
    world.verify()
    return world.do(_cancel(order.id)).reason


def _under(terms: AgreementTerms, agreement_id: str = "agr_1") -> Callable[[], str]:
    """The reason for which a draft under this agreement is refused."""

    def provoke() -> str:
        world = _world().given(AgreedTerms("agr_1", "cus_1", 1, terms))
        return world.submit(world.draft(ENTERPRISE, agreement_id=agreement_id)).reason

    return provoke


def _batch_not_found() -> str:
    world = _world().given(Agreement("agr_1", "cus_1"))
    item = RevocationItem("rdm_none", CARD.id, Revocation.REVOKED)
    return world.when("agr_1", ReportRevocation("bat_none", item)).reason


def _cancel(order_id: str, asker: Asker = Asker.SUPPORT, evidence: tuple[str, ...] = RECORDING) -> ask.RequestCancel:
    return ask.RequestCancel(order_id, "", asker, "op-1", evidence)


def _edit(order_id: str, at: timedelta | None = None) -> ask.EditSchedule:
    scheduled_at = None if at is None else Redeeming().now + at
    return ask.EditSchedule(order_id, "cus_1", scheduled_at, None, None, "")


PROVOKED: Mapping[str, Callable[[], str]] = {
    "REDEMPTION_NOT_FOUND": _of(SELF, lambda _: ask.IssueVoucher("rdm_none", "cus_1")),
    "REDEMPTION_STATE": _of(SELF, lambda order: ask.MeetEscrowCondition(order, "op-1")),
    "REDEMPTION_EXISTS": lambda: _twice("n1"),
    "DRAFT_INVALID": _draft_invalid,
    "DRAFT_EXPIRED": lambda: _confirmed(timedelta(minutes=15)).reason,
    "CONFIRMED_TOO_FAST": lambda: _confirmed(timedelta(), drafts.DWELL_MIN).reason,
    "TERMS_CHANGED": _refused_draft(SELF, terms_version=2),
    "SUBMISSION_FAILED": lambda: (world := _world()).submit(world.draft(), provider_up=False).reason,
    "CHANNEL_CARD": _refused_draft(SELF, issuer="other"),
    "FACE_OUT_OF_LIMITS": _refused_draft(SMALL),
    "PAYOUT_METHOD": _refused_draft(SMALL, declared_minor=100),
    "EVIDENCE_MISSING": _of(SELF, lambda order: _cancel(order, evidence=())),
    "AGREEMENT_MISSING": _refused_draft(ENTERPRISE),
    "AGREEMENT_NOT_FOUND": _refused_draft(ENTERPRISE, agreement_id="agr_none"),
    "AGREEMENT_UNSIGNED": _under(AgreementTerms(qualification="paper")),
    "QUALIFICATION_MISSING": _under(AgreementTerms(signed_on=date(2026, 3, 6), document="paper")),
    "NOT_PURCHASER": _refused_draft(ABROAD, evidence=("IDENTITY:1", "PURCHASE_PROOF:1")),
    "BATCH_NOT_FOUND": _batch_not_found,
    "SCHEDULE": _refused_draft(SCHEDULED),
    "CONDITION_DEADLINE": _refused_draft(ESCROW),
    "CODE_IN_REDEMPTION": lambda: _twice("n2"),
    "CODE_USED": lambda: _twice("n2", lambda world: world.verify()),
    "CANCEL_NOT_SUPPORTED": _of(SELF, lambda order: _cancel(order, Asker.CUSTOMER)),
    "CANCEL_WINDOW_CLOSED": _of(SELF, _cancel, timedelta(seconds=5) + TICK),
    "VERIFICATION_STARTED": _after(_cancel),
    "CANCEL_DAILY_CAP": _capped,
    "FIRST_REDEMPTION_CAP": lambda: _failed_submission(Redeemer("cus_1"), 10_001),
    "REDEEMER_RESTRICTED": lambda: _failed_submission(Redeemer("cus_1", restricted="REDEEMER_RESTRICTED"), 1),
    "ESCROW_OVER": _escrow_over,
    "NOT_BY_HAND": _of(SELF, lambda order: ask.AdvanceRedemption(order, "op-1")),
    "NOT_REVOCABLE": _not_revocable,
    "PAYOUT_IN_TRANSIT": _in_transit,
    "POLICE_CASE_MISSING": lambda: _fraud(" "),
    "FRAUD_TOO_EARLY": lambda: _fraud("case-1"),
    "VOUCHER_NOT_ISSUED": _after(lambda order: ask.UseVoucher(order, "cus_1", "UTILITY", 100)),
    "VOUCHER_NOT_DUE": _after(lambda order: ask.IssueVoucher(order, "cus_1"), LOSSLESS),
    "VOUCHER_ISSUED": lambda: _issued(ask.IssueVoucher),
    "VOUCHER_CATEGORY": lambda: _issued(lambda order, who: ask.UseVoucher(order, who, "GROCERY", 100)),
    "VOUCHER_EXCEEDED": lambda: _issued(lambda order, who: ask.UseVoucher(order, who, "UTILITY", 5_001)),
    "REMITTANCE_EXISTS": lambda: _remitted_twice(),
    "SCHEDULE_LOCKED": _of(SCHEDULED, _edit, timedelta(hours=1) + TICK),
    "LEAD_TOO_SHORT": _of(SCHEDULED, lambda order: _edit(order, timedelta(minutes=59))),
}
"""By reason."""


def _remitted_twice() -> str:
    book, reason = BookInMemory(), ""
    for saga in ("saga_1", "saga_2"):
        body = ReceiveRemittance(SU.channel, "rem_1", 500)
        outcome = book.saga(SU.channel, body, at("2026-03-12 10:00:00"), Op.EXECUTE, saga)
        reason = outcome.reason if isinstance(outcome, Refused) else reason
    return reason


def _issued(body: Callable[[str, str], object]) -> str:
    world = _completed()
    world.do(ask.IssueVoucher(world.order().id, "cus_1"))
    return world.do(body(world.order().id, "cus_1")).reason


