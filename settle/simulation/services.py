"""The services as a process of theirs takes them: the same rules, wires, tables and sagas."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from services.card_redemption.__main__ import SERVICE as CARDS
from services.card_redemption.domain.merchants.share import MerchantShare as CardShare
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.credit_ledger.domain.model.merchant_share import MerchantShare as CreditShare
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.order.__main__ import SERVICE as ORDERS
from services.order.domain.refund_days import CUSTOMER_COUNT, MERCHANT_COUNT
from services.runtime.ground.records import Outbound, topic
from services.runtime.lanes.business import Business
from services.runtime.service import Service
from services.runtime.stored.sagas import saga_table

SERVICES: Mapping[str, Service] = {service.name: service for service in (ORDERS, CREDIT, CARDS)}
ORDER, CREDIT_LEDGER, CARD_REDEMPTION = SERVICES

Made = Callable[[str], Any]  # Any: a row of one kind
MADE: Mapping[type, Made] = {
    CardShare: lambda key: CardShare(key, key.rpartition("/")[0]),
    CreditShare: lambda key: CreditShare(key, key.rpartition("/")[0], version=0),
    PaymentReference: lambda key: PaymentReference(key, "", version=0),
}
"""Rows that loading makes where they are missing, empty: many roots meet in them."""
UNLOCKED = frozenset({PayoutSwitch})
"""Roots that are loaded without a lock: whoever writes one writes the version that was found."""


@cache
def business(name: str, partitions: int, refunds_a_day: int = 0) -> Business:
    """A service as its lanes see it; a customer may have so many refunds in a day, and a merchant three times as many.
    """
    limits = {CUSTOMER_COUNT: refunds_a_day, MERCHANT_COUNT: 3 * refunds_a_day}
    service = SERVICES[name]
    runs = [saga_table(service.definitions)] if service.definitions else []
    return Business(
        tables=[*service.tables, *runs], rules=service.rules, timers=service.timers, codec=service.codec,
        outbound=Outbound(name, service.codec, partitions), partitions=partitions,
        limits={limit: most for limit, most in limits.items() if most and limit in service.limits},
    )


def inbound(name: str) -> str:
    """The topic that a service reads."""
    return topic(name, SERVICES[name].inbound)
