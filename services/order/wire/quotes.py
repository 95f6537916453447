"""A binding quote as a message, and the digest that stands for its whole result."""

from datetime import datetime
from hashlib import blake2b

from services.kernel.calendar import business_date
from services.order.domain.lines import LineQuantity, LineValue
from services.order.domain.order import Order
from services.order.domain.plans import Movement, RefundPlan
from services.order.domain.quotes import POLICY_VERSION, QuoteContent, sign, valid_until
from services.order.domain.quoting import QuotedPlan, amounts_of
from services.order.wire.scalars import KINDS, tender_shares
from services.runtime.ground.scalars import instant_field, instant_from_wire, money_field, money_to_wire
from settlement.credit_ledger.v1 import effects_pb2
from settlement.order.v1 import quote_pb2

_NOT_PROMISED = ("post_time", "account_version", "refund_id", "refund_state", "leg_id")
"""What of an effect only its execution knows: when, under which names, and how the network takes it."""

_PLAIN = LineValue._fields.index("reduced_minor")
"""So much of a line's value is named where neither its price was reduced nor anything is deducted."""


_PLAIN = LineValue._fields.index("reduced_minor")
"""So much of a line's value is named where neither its price was reduced nor anything is deducted."""


def result_digest(moved: Movement, lines: tuple[LineValue, ...], effect: effects_pb2.CreditEffect | None) -> str:
    """One name for a whole result: units, tenders, coupon, and everything that happens on the account. The same for a
    quote and for its execution, or the quote was broken."""
    digest = blake2b(digest_size=16)
    units = [tuple(line) if line.reduced_minor or line.deducted_minor else tuple(line)[:_PLAIN] for line in lines]
    digest.update(repr((units, [tuple(s) for s in moved.shares], moved.coupon_minor)).encode())
    if effect is not None:
        promised = effects_pb2.CreditEffect()
        promised.CopyFrom(effect)
        for name in _NOT_PROMISED:
            promised.ClearField(name)  # type: ignore[arg-type]  # each is a field of it
        for back in promised.given_back:
            back.ClearField("leg_id")
        digest.update(promised.SerializeToString(deterministic=True))
    return digest.hexdigest()


def quote_message(
    order: Order, plan: QuotedPlan, preview: effects_pb2.CreditPreview | None, key: bytes, now: datetime
) -> quote_pb2.RefundQuote:
    """The quote of a plan. Its token is good until the account's own preview ends, if an account takes part."""
    content = QuoteContent(
        order_id=order.id, kind=plan.kind, amount_minor=plan.money.amount_minor,
        lines=tuple(LineQuantity(value.id, value.quantity) for value in plan.lines), order_version=order.version,
        account_version=preview.account_version if preview else 0,
        valid_until=_holds_until(preview, now),
        digest=result_digest(plan.money, plan.lines, preview.effect if preview else None),
        amounts=amounts_of(plan),
    )
    message = quote_pb2.RefundQuote(
        order_id=order.id, kind=KINDS.to_wire[plan.kind], amount=money_field(plan.money.amount_minor),
        lines=[_line(value) for value in plan.lines], tenders=tender_shares(plan.money.shares),
        order_version=order.version, account_version=content.account_version, policy_version=POLICY_VERSION,
        business_date=business_date(now).isoformat(), quote_time=instant_field(now),
        valid_until=instant_field(content.valid_until), token=sign(content, key),
        platform_coupon=money_field(plan.money.coupon_minor),
        reduced_line_id=plan.reduced_line if isinstance(plan, RefundPlan) else "",
    )
    if preview is not None:
        _add_preview(message, preview)
    return message


def _holds_until(preview: effects_pb2.CreditPreview | None, now: datetime) -> datetime:
    """The end of the quote: at the latest that of the account's own preview."""
    own = valid_until(now)
    return min(own, instant_from_wire(preview.valid_until, reckoned=True)) if preview else own


def _line(value: LineValue) -> quote_pb2.QuotedLine:
    message = quote_pb2.QuotedLine(line_id=value.id, quantity=value.quantity, amount=money_field(value.amount_minor))
    if value.deducted_minor:
        message.deducted.CopyFrom(money_to_wire(value.deducted_minor))
    return message


def _add_preview(message: quote_pb2.RefundQuote, preview: effects_pb2.CreditPreview) -> None:
    effect = preview.effect
    message.instalments.extend(effect.instalments)
    message.uses.extend(effect.uses)
    message.given_back.extend(effect.given_back)
    message.steps.extend(effect.steps)
    message.fee_back.CopyFrom(money_to_wire(effect.fee_back_minor))
    message.credit_balance.CopyFrom(money_to_wire(effect.credit_balance_minor))
    message.limit_restored.CopyFrom(money_to_wire(effect.limit_restored_minor))
    message.statement_due_before.CopyFrom(money_to_wire(preview.statement_due_before_minor))
    message.statement_due_after.CopyFrom(money_to_wire(preview.statement_due_after_minor))
    message.quote_time.CopyFrom(preview.quote_time)
    message.business_date = preview.business_date
