"""The names of the places in the lists that the services keep as json: whoever reads a path never counts."""

from collections.abc import Mapping, Sequence

from services.card_redemption.domain.cards.tender import CardRefund
from services.card_redemption.domain.disputes.evidence import Paper
from services.card_redemption.domain.enterprise.batch import RevocationItem
from services.card_redemption.domain.redemption.order import FraudReport, Payout, Voucher
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.tenders import Tenders
from services.order.domain.bank_shares import BankNews, Refund
from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, LineAmount, LineQuantity, LineValue
from services.order.domain.plans import Movement, Pins
from services.order.domain.pricing import Promotion
from services.order.domain.tenders import Coupon, Share, Tender

_EACH = "*"
_OF_LISTS: Mapping[tuple[str, ...], Sequence[str]] = {
    ("orders", "lines", _EACH): Line._fields,
    ("orders", "tenders", _EACH): Tender._fields,
    ("orders", "refunds", _EACH): Refund._fields,
    ("orders", "refunds", _EACH, "news", _EACH): BankNews._fields,
    ("orders", "coupon"): Coupon._fields,
    ("orders", "details", "promotions", _EACH): Promotion._fields,
    ("orders", "details", "bank_news", _EACH): BankNews._fields,
    ("return_cases", "lines", _EACH): LineQuantity._fields,
    ("return_cases", "accepted", _EACH): LineQuantity._fields,
    ("return_cases", "details", "deductions", _EACH): Deduction._fields,
    ("sagas", "branches", _EACH): ("service", "state", "reason", "result"),
    ("sagas", "plan", "money"): Movement._fields,
    ("sagas", "plan", "money", "shares", _EACH): Share._fields,
    ("sagas", "plan", "lines", _EACH): LineValue._fields,
    ("sagas", "plan", "requested", _EACH): LineQuantity._fields,
    ("sagas", "plan", "given_back", _EACH): LineAmount._fields,
    ("sagas", "plan", "pins"): Pins._fields,
    ("agreements", "refunded"): Tenders._fields,
    ("agreements", "hold", "authorized"): Tenders._fields,
    ("agreements", "hold", "captured"): Tenders._fields,
    ("agreements", "hold", "released"): Tenders._fields,
    ("agreements", "plans", _EACH, "instalments", _EACH): Instalment._fields,
    ("credit_refunds", "tenders"): Tenders._fields,
    ("card_tenders", "refunds", _EACH): CardRefund._fields,
    ("redemption_orders", "payouts", _EACH): Payout._fields,
    ("redemption_orders", "voucher"): Voucher._fields,
    ("redemption_orders", "fraud"): FraudReport._fields,
    ("revocation_batches", "items", _EACH): RevocationItem._fields,
    ("disputes", "papers", _EACH): Paper._fields,
}
"""The fields of a list, by where it stands; every other list has items of one kind."""


def named(table: str, column: str, path: Sequence[str | int]) -> list[str]:
    """The path with a field's name, or `*` for any item, in the place of each number."""
    names = [table.replace("saga_digests", "sagas"), column]
    for step in path:
        fields = _OF_LISTS.get(tuple(names), ())
        names.append(step if isinstance(step, str) else fields[step] if step < len(fields) else _EACH)
    return names[2:]
