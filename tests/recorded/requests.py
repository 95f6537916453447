"""What people ask for, as protobuf: the shapes that every chapter needs."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import money_pb2, tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2, statement_service_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2

CREDIT, WALLET = tender_pb2.TENDER_TYPE_CREDIT, tender_pb2.TENDER_TYPE_WALLET
GIFT, BANK = tender_pb2.TENDER_TYPE_GIFTCARD, tender_pb2.TENDER_TYPE_BANKCARD
Tenders = dict[Any, int]  # Any: the type of an enum of protobuf exists only in stubs
"""How much each tender pays."""

MERCHANT, OTHER_MERCHANT = "mer_silk", "mer_tea"
TWELVE = tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=12, fee_ppm=5_000, free_days=7)


def money(minor: int) -> money_pb2.Money:
    """So many fen."""
    return money_pb2.Money(minor_units=minor, currency_code="CNY")


def stamp(at: datetime) -> Timestamp:
    """An instant."""
    found = Timestamp()
    found.FromDatetime(at)
    return found


def terms(count: int = 3, **fields: Any) -> tender_pb2.CreditTerms:  # Any: each field has its type
    """Instalments."""
    return tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=count, **fields)


def deferred(months: int = 2, **fields: Any) -> tender_pb2.CreditTerms:  # Any: each field has its type
    """One payment, later."""
    return tender_pb2.CreditTerms(
        plan=tender_pb2.PLAN_TYPE_DEFERRED, instalment_count=1, defer_months=months, term_days=30 * months, **fields
    )


def units(**quantities: int) -> list[order_pb2.LineQuantity]:
    """`units(L1=2)`."""
    return [order_pb2.LineQuantity(line_id=line, quantity=quantity) for line, quantity in quantities.items()]


class Customer:
    """One customer with an account and, perhaps, a gift card: `cus_<name>`, `acc_<name>`, `crd_<name>`."""

    def __init__(self, name: str) -> None:
        self.id, self.account_id, self.card_id = f"cus_{name}", f"acc_{name}", f"crd_{name}"

    def opening(self, limit: int, **fields: Any) -> credit_service_pb2.OpenAccountRequest:  # Any: see above
        """An account with this limit."""
        return credit_service_pb2.OpenAccountRequest(
            account_id=self.account_id, customer_id=self.id, limit=money(limit), **fields
        )

    def funding(self, amount: int) -> credit_service_pb2.FundWalletRequest:
        """Money into the wallet."""
        return credit_service_pb2.FundWalletRequest(account_id=self.account_id, amount=money(amount))

    def card(self, face: int) -> card_service_pb2.IssueCardRequest:
        """A gift card of this face value."""
        return card_service_pb2.IssueCardRequest(card_id=self.card_id, customer_id=self.id, face=money(face))

    def order(
        self, order_id: str, lines: Iterable[tuple[str, int, int]], tenders: Tenders,
        credit_terms: tender_pb2.CreditTerms | None = None, merchant: str = MERCHANT, **fields: Any,  # Any: see above
    ) -> order_service_pb2.PlaceOrderRequest:
        """An order of (name, quantity, price) lines that these tenders pay."""
        return order_service_pb2.PlaceOrderRequest(
            order_id=order_id, customer_id=self.id, merchant_id=merchant, account_id=self.account_id,
            lines=[
                order_pb2.NewLine(
                    line_id=name, sku=f"sku-{name}", title=f"Ware {name}", quantity=quantity, unit_price=money(price)
                )
                for name, quantity, price in lines
            ],
            tenders=[self._tender(order_id, kind, amount) for kind, amount in tenders.items()],
            credit_terms=credit_terms or TWELVE, **fields,
        )

    def _tender(self, order_id: str, kind: int, amount: int) -> order_pb2.Tender:
        return order_pb2.Tender(
            type=kind, amount=money(amount), card_id=self.card_id if kind == GIFT else "",  # type: ignore[arg-type]  # an int is fine
            payment_reference=f"pay-{order_id}" if kind == BANK else "",
        )

    def repaying(self, amount: int, **fields: Any) -> credit_service_pb2.RepayRequest:  # Any: see above
        """Money from the customer."""
        return credit_service_pb2.RepayRequest(account_id=self.account_id, amount=money(amount), **fields)

    def bill(self, bill_date: str) -> statement_service_pb2.CutStatementRequest:
        """The cut of a bill date."""
        return statement_service_pb2.CutStatementRequest(account_id=self.account_id, bill_date=bill_date)


def ship(order_id: str, **fields: Any) -> order_service_pb2.ConfirmShipmentRequest:  # Any: each field has its type
    """The merchant's click."""
    return order_service_pb2.ConfirmShipmentRequest(order_id=order_id, waybill_number=f"SF-{order_id}", **fields)


def deliver(order_id: str) -> order_service_pb2.ConfirmDeliveryRequest:
    """The parcel is there."""
    return order_service_pb2.ConfirmDeliveryRequest(order_id=order_id)


def cancel(order_id: str, **fields: Any) -> order_service_pb2.CancelOrderRequest:  # Any: each field has its type
    """The customer wants it no more."""
    return order_service_pb2.CancelOrderRequest(
        order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED, note="changed my mind", **fields
    )


def refund(order_id: str, amount: int, **fields: Any) -> after_sale_service_pb2.RefundAmountRequest:  # Any: see above
    """Money back without goods."""
    return after_sale_service_pb2.RefundAmountRequest(
        order_id=order_id, amount=money(amount), reason="a scratch", **fields
    )


def reverse(order_id: str, **fields: Any) -> after_sale_service_pb2.ReverseRefundRequest:  # Any: see above
    """The refund was a mistake."""
    return after_sale_service_pb2.ReverseRefundRequest(order_id=order_id, reason="refunded by mistake", **fields)


def quote(order_id: str, **subject: Any) -> order_service_pb2.QuoteRefundRequest:  # Any: see above
    """What would come back."""
    return order_service_pb2.QuoteRefundRequest(order_id=order_id, **subject)
