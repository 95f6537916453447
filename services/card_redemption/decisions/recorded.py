"""What the permanent record has of every call, whatever becomes of it (RD-31)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from services.card_redemption.domain.disputes import commands as disputes
from services.card_redemption.domain.disputes.timers import EXECUTE
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel, ended, kind_named
from services.card_redemption.domain.redemption import commands
from services.card_redemption.domain.redemption.elsewhere import NOT_HIS
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import ClaimPlan, Kind, StopPlan
from services.card_redemption.domain.redemption.submitting import Denied
from services.card_redemption.domain.redemption.taking_back import Cause, TakeBack
from services.kernel.decision import Done, Refused, Rule
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Phase, Run

_ASKED = {
    Kind.SUBMISSION: "CONFIRM_REDEMPTION", Kind.PAID_CANCEL: "REQUEST_CANCEL", Kind.VOUCHER_USE: "USE_VOUCHER",
    Kind.REMITTANCE: "RECORD_REMITTANCE", Kind.ADJUSTMENT: "DECIDE_DISPUTE",
}
_TAKEN_BACK = {
    Cause.FACE_CLAWBACK: "CORRECT_FACE", Cause.FAULT_REVERSAL: "ACCEPT_PLATFORM_FAULT",
    Cause.FRAUD_CLOSE: "DECIDE_FRAUD", Cause.PAYOUT_HOLD: "REPORT_FRAUD",
}
"""Which call began a saga, and of those that take something back and do not say, by what that is for."""
_CALLS = (commands.__name__, disputes.__name__)
"""Where the bodies of calls that may take something back are."""
_WHO = ("operator_id", "supervisor_id", "reporter", "customer_id")
"""The fields of a command about a redemption that name who asks, in the order in which they are looked at."""


class Asked(Protocol):
    """A command that says by whom and through which channel it came."""

    @property
    def actor(self) -> str: ...
    @property
    def channel(self) -> EntryChannel: ...


class OfOperator(Protocol):
    """A command of an operator about what is no card and no redemption."""

    @property
    def operator_id(self) -> str: ...


class OfCustomer(Protocol):
    """A command of a customer about what is no card and no redemption."""

    @property
    def customer_id(self) -> str: ...


def attempt(kind: str) -> Callable[[Asked, Message, Done | Refused], Attempt]:
    """How a rule's calls are recorded: as attempts of this kind, on the card that the message names."""

    def record(body: Asked, message: Message, outcome: Done | Refused) -> Attempt:
        tried = Attempt(
            kind=kind, actor=body.actor, channel=body.channel, outcome=AttemptOutcome.DONE, card_id=message.key,
            request_id=message.id,
        )
        return ended(tried, outcome)

    return record


def recording(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """These rules, those for calls about redemptions with what is recorded of them; others as they are."""
    return tuple(
        replace(each, record=_of_redemption) if each.body.__module__ == commands.__name__ and each.record is None
        else each for each in rules
    )


def published(kind: str) -> Callable[[OfOperator, Message, Done | Refused], Attempt]:
    """How what two people put in force is recorded: who proposed or approved it, refused ones too."""
    return lambda body, message, outcome: _about(kind, body.operator_id, EntryChannel.SUPPORT, message, outcome)


def asked_by_customer(kind: str) -> Callable[[OfCustomer, Message, Done | Refused], Attempt]:
    """How what a customer asks of something is recorded, once, however much it comes to."""
    return lambda body, message, outcome: _about(kind, body.customer_id, EntryChannel.WEB, message, outcome)


def card_named(key: str, about: str) -> str:
    """The card that a message names by its key; what is not there is decided under its own id, and has none."""
    return "" if key == about else key


def denied_later(run: Run, order: RedemptionOrder) -> tuple[Attempt, ...]:
    """What the record has of a call whose saga a participant refused: when it was asked it was only begun. A payout is
    nobody's call, and is asked for again; so is what is asked of another account."""
    again = run.kind == Kind.PAYOUT or (order.settlement_id != "" and order.reason == NOT_HIS)
    if run.phase is not Phase.ABORTED or again:
        return ()
    taken_back = isinstance(run.plan, ClaimPlan | StopPlan)
    kind = _taken_back(run.plan.what) if taken_back else _ASKED[Kind(run.kind)]
    return (Attempt(
        kind=kind, actor=order.customer_id, channel=EntryChannel.ENGINE, outcome=AttemptOutcome.DENIED,
        reason=run.reason, card_id=order.card_id, order_id=order.id,
    ),)


def call_of(message: Message) -> str:
    """The call for which a message is decided, as the record names it: a call itself, or the decision of the case that
    a timer carries out; "" for what nobody asked for."""
    if isinstance(message.body, TimerDue):
        return "DECIDE_DISPUTE" if message.body.kind == EXECUTE else ""
    return kind_of(message.body) if type(message.body).__module__ in _CALLS else ""


def kind_of(body: object) -> str:
    """A command as the record names it: OPEN_DISPUTE."""
    return kind_named(type(body).__name__)


def _taken_back(what: TakeBack) -> str:
    return what.asked or _TAKEN_BACK[what.cause]


def _about(kind: str, actor: str, channel: EntryChannel, message: Message, outcome: Done | Refused) -> Attempt:
    tried = Attempt(
        kind=kind, actor=actor, channel=channel, outcome=AttemptOutcome.DONE, order_id=message.key,
        request_id=message.id,
    )
    return ended(tried, outcome)


def _of_redemption(body: Any, message: Message, outcome: Done | Refused) -> Attempt:  # Any: one of those commands
    """A call about a redemption; a draft, and what is confirmed of it, name the card and the page themselves."""
    draft = getattr(body, "draft", None)
    named = body if draft is None else draft
    actor = next((str(who) for name in _WHO if (who := getattr(named, name, ""))), "")
    by_customer = actor == getattr(named, "customer_id", "")
    about = getattr(body, "redemption_id", "")
    tried = Attempt(
        kind=kind_of(body), actor=actor,
        channel=EntryChannel[draft.entry.name] if draft is not None
        else EntryChannel.APP if by_customer else EntryChannel.SUPPORT,
        outcome=AttemptOutcome.DRAFTED if isinstance(body, commands.PrepareRedemption) else AttemptOutcome.DONE,
        card_id=card_named(message.key, about) if draft is None else draft.card_id, order_id=about,
        request_id=message.id,
    )
    if isinstance(outcome, Done) and isinstance(outcome.result, Denied):
        return replace(tried, outcome=AttemptOutcome.DENIED, reason=outcome.result.reason)
    return ended(tried, outcome)
