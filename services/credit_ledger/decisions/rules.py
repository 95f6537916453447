"""How every message of the credit ledger is decided: what must be loaded at least, and the pure function.

`decisions.py` takes this table as it is. Saga commands go through `take_part`; all other writers wait while a saga has
claimed the account (BZ-2).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.credit_ledger.domain.accounts import life as account_rules
from services.credit_ledger.domain.core.position import Applied, Apply, Position, closed
from services.credit_ledger.domain.legs import life as legs
from services.credit_ledger.domain.log import replay, reversal
from services.credit_ledger.domain.merchants import settling as merchant_rules
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare, share_key, share_keys
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.statement import Statement, statement_key
from services.credit_ledger.domain.quotes import preview
from services.credit_ledger.domain.refunds import flash
from services.credit_ledger.domain.refunds import posting as refund
from services.credit_ledger.domain.statements import cut as statement_cut
from services.kernel.decision import Decision, Done, Known, Rule, rules, timer_rules
from services.kernel.errors import AlreadyExists, Defect, NotFound
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.participant import refuse_if_busy, take_part

Rows = tuple[tuple[type, str], ...]
Decide = Callable[[Known, Message, datetime], Decision]


def _old(body: type, wants: Callable[[Message], Rows], decide: Decide) -> Rule:
    """A rule whose functions still dig their body out of the message."""
    return Rule(body, lambda body, message: wants(message), lambda known, body, message, now: decide(known, message, now))


def account_of(known: Known, account_id: str) -> CreditAccount:
    """The account; ACCOUNT_NOT_FOUND if there is none."""
    account = known.find(CreditAccount, account_id)
    if account is None:
        raise NotFound("ACCOUNT_NOT_FOUND", f"there is no account {account_id}")
    return account


def opened(known: Known, account: CreditAccount, at: datetime, saga_id: str = "") -> Position:
    """The position of an account at an instant, every due cut made."""
    return statement_cut.up_to_now(Position(known, at, account, account, account, saga_id=saga_id))


def _writer(apply: Apply) -> Decide:
    """A plain writer: it waits for sagas, then decides."""

    def decide(known: Known, message: Message, now: datetime) -> Decision:
        account = account_of(known, message.key)
        refuse_if_busy(account)
        return closed(apply(opened(known, account, now), message.body), message.body)

    return decide


def _participant(apply: Apply) -> Decide:
    """A command of a saga: TRY, CONFIRM, CANCEL or EXECUTE."""

    def decide(known: Known, message: Message, now: datetime) -> Decision:
        saga_id = message.saga.saga_id if message.saga else ""

        def execute(account: CreditAccount, at: datetime) -> Decision:
            return closed(apply(opened(known, account, at, saga_id), message.body), message.body)

        return take_part(account_of(known, message.key), message, now, execute)

    return decide


def _authorize(known: Known, message: Message, now: datetime) -> Decision:
    """A TRY also claims the payment reference, so that no other order can between TRY and CONFIRM (OP-4); CANCEL frees it."""
    decision = _participant(replay.APPLY[commands.AuthorizeTenders])(known, message, now)
    body = message.body
    if not isinstance(body, commands.AuthorizeTenders) or not body.payment_reference or message.saga is None:
        return decision
    claims = {Op.TRY: body.order_id, Op.CANCEL: ""}
    if message.saga.op not in claims or not isinstance(decision.outcome, Done):
        return decision
    row = known.find(PaymentReference, body.payment_reference)
    claim = PaymentReference(body.payment_reference, claims[message.saga.op], row.version + 1 if row else 1)
    return replace(decision, changes=(*decision.changes, claim))


def _open_account(known: Known, message: Message, now: datetime) -> Decision:
    body = message.body
    if not isinstance(body, commands.OpenAccount):
        raise Defect(f"{body} opens no account")
    if known.find(CreditAccount, body.account_id) is not None:
        raise AlreadyExists("ACCOUNT_EXISTS", f"there is an account {body.account_id}")
    account = account_rules.unopened(body, now)
    return closed(account_rules.open_account(Position(known, now, account, account, account), body), body)


def _preview(known: Known, message: Message, now: datetime) -> Decision:
    """A preview changes nothing, a due cut included; it waits for sagas, since their outcome would make it stale."""
    account, body = account_of(known, message.key), message.body
    refuse_if_busy(account)
    position = opened(known, account, now)
    if isinstance(body, commands.PreviewRefund):
        return Decision(Done(preview.preview_refund(position, body)))
    if isinstance(body, commands.PreviewRelease):
        return Decision(Done(preview.preview_release(position, body)))
    raise Defect(f"{body} is no preview")


def _settle_merchant(known: Known, message: Message, now: datetime) -> Decision:
    if not isinstance(message.body, commands.SettleMerchant):
        raise Defect(f"{message.body} settles no merchant")
    return merchant_rules.settle(known, message.body)


def _pay_gift_card_share(known: Known, message: Message, now: datetime) -> Decision:
    return merchant_rules.pay_gift_card_share(known, message)


def _claw_back(known: Known, message: Message, now: datetime) -> Decision:
    return merchant_rules.claw_back(known, message)


def _report_leg(known: Known, message: Message, now: datetime) -> Decision:
    """A rail's report passes a claim only if it moves no money: P7 waits for the saga like every posting."""
    if not isinstance(message.body, commands.ReportLeg):
        raise Defect(f"{message.body} reports no leg")
    account = account_of(known, message.key)
    refuse_if_busy(account)
    body = message.body
    return closed(legs.reported(opened(known, account, now), body), body)


def _timer(act: Callable[[Position, str], Applied]) -> Decide:
    """A due timer; its key tells what for. The cuts that are due are made on the way."""

    def decide(known: Known, message: Message, now: datetime) -> Decision:
        if not isinstance(message.body, TimerDue):
            raise Defect(f"{message.body} is no timer")
        account = account_of(known, message.key)
        refuse_if_busy(account)
        return closed(act(opened(known, account, now), message.body.key), message.body)

    return decide


def _cut_due(position: Position, key: str) -> Applied:
    """`opened` has made the cut and set the next timer; one that came too early or too late is put in step again."""
    cut_at = position.account.next_cut_at
    if position.operations:
        return Applied(position, None, logged=False)
    if cut_at is None:
        return Applied(position.plus(cleared=((statement_cut.CUT_TIMER, key),)), None, logged=False)
    return Applied(position.plus(timers=(statement_cut.cut_timer(key, cut_at),)), None, logged=False)


def _account(message: Message) -> Rows:
    return ((CreditAccount, message.key),)


def _with_agreement(message: Message) -> Rows:
    order_id: str = getattr(message.body, "order_id", "")
    return ((CreditAccount, message.key), (Agreement, order_id))


def _with_share(message: Message) -> Rows:
    merchant_id: str = getattr(message.body, "merchant_id", "")
    return (*_with_agreement(message), (MerchantShare, share_key(merchant_id, message.key)))


def _authorizing(message: Message) -> Rows:
    reference: str = getattr(message.body, "payment_reference", "")
    return (*_with_agreement(message), *(((PaymentReference, reference),) if reference else ()))


def _returning(message: Message) -> Rows:
    order_id: str = getattr(message.body, "order_id", "")
    return (*_authorizing(message), (RefundLeg, legs.rejected_leg_id(order_id)))


def _merchant_shares(message: Message) -> Rows:
    merchant_id: str = getattr(message.body, "merchant_id", "")
    return tuple((MerchantShare, key) for key in share_keys(merchant_id))


def _merchant_share(message: Message) -> Rows:
    return ((MerchantShare, message.key),)


def _with_leg(message: Message) -> Rows:
    leg_id = message.body.key if isinstance(message.body, TimerDue) else getattr(message.body, "leg_id", "")
    return ((CreditAccount, message.key), (RefundLeg, leg_id))


def _with_statement(message: Message) -> Rows:
    body = message.body
    dated = ((Statement, statement_key(message.key, body.bill_date)),) if isinstance(body, commands.CutStatement) else ()
    return ((CreditAccount, message.key), *dated)


def _previewed(message: Message) -> Rows:
    body = message.body
    order_id, merchant_id = "", ""
    if isinstance(body, commands.PreviewRefund):
        order_id, merchant_id = body.refund.order_id, body.refund.merchant_id
    elif isinstance(body, commands.PreviewRelease):
        order_id, merchant_id = body.release.order_id, body.release.merchant_id
    return ((CreditAccount, message.key), (Agreement, order_id), (MerchantShare, share_key(merchant_id, message.key)))


def _flash_row(message: Message) -> Rows:
    key = message.body.key if isinstance(message.body, TimerDue) else ""
    return ((CreditAccount, message.key), (CreditRefund, key))


_PLAIN = (
    commands.GrantLimit, commands.FundWallet, commands.SetAccountState, commands.Repay, commands.PayOutCreditBalance,
    commands.AccrueLateFees, commands.WaiveLateFees,
)

RULES = rules(
    _old(commands.AuthorizeTenders, _authorizing, _authorize),
    _old(commands.ReleaseTenders, _with_agreement, _participant(replay.APPLY[commands.ReleaseTenders])),
    _old(commands.ReturnBankDeposit, _returning, _participant(replay.APPLY[commands.ReturnBankDeposit])),
    _old(commands.CaptureTenders, _with_share, _participant(replay.APPLY[commands.CaptureTenders])),
    _old(commands.RefundTenders, _with_share, _participant(refund.refund)),
    _old(commands.ReverseRefund, _with_share, _participant(reversal.reverse)),
    _old(commands.OpenAccount, _account, _open_account),
    *(_old(kind, _account, _writer(replay.APPLY[kind])) for kind in _PLAIN),
    _old(commands.ConfirmFlashRefund, _with_agreement, _writer(flash.confirm)),
    _old(commands.AdjustRefund, _with_agreement, _writer(flash.adjust)),
    _old(commands.RetryLeg, _with_leg, _writer(replay.APPLY[commands.RetryLeg])),
    _old(commands.SettleLeg, _with_leg, _writer(replay.APPLY[commands.SettleLeg])),
    _old(commands.PostAdjustment, _with_agreement, _writer(replay.APPLY[commands.PostAdjustment])),
    _old(commands.ChargeOff, _with_agreement, _writer(replay.APPLY[commands.ChargeOff])),
    _old(commands.CutStatement, _with_statement, _writer(statement_cut.cut_on_request)),
    _old(commands.PreviewRefund, _previewed, _preview),
    _old(commands.PreviewRelease, _previewed, _preview),
    _old(commands.SettleMerchant, _merchant_shares, _settle_merchant),
    _old(commands.PayGiftCardShare, _merchant_shares, _pay_gift_card_share),
    _old(commands.ClawBackFromMerchant, _merchant_share, _claw_back),
    _old(commands.ReportLeg, _with_leg, _report_leg),
)
"""By the type of the body."""

TIMERS = timer_rules(
    (statement_cut.CUT_TIMER, _old(TimerDue, _account, _timer(_cut_due))),
    (refund.FLASH_TIMER, _old(TimerDue, _flash_row, _timer(flash.expire))),
    (legs.LEG_TIMER, _old(TimerDue, _with_leg, _timer(legs.woken))),
)
"""By the kind of the timer."""

