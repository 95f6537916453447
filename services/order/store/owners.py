"""Whose things are, for callers who see only their own. An id that is not there answers no row."""

from collections.abc import Mapping

from services.runtime.identity.door import Ownership

_SETTLED = """select o.customer_id customer, o.merchant_id merchant
           from saga_records s join orders o on o.id = s.root where s.id = asked.id
           union all select null, merchant_id from merchant_settlements where settlement_id = asked.id"""
OWNERS: Mapping[str, Ownership] = {
    "order": Ownership(
        "ORDER_NOT_FOUND", "order", "select customer_id customer, merchant_id merchant from orders where id = asked.id"
    ),
    "return": Ownership(
        "RETURN_NOT_FOUND", "return",
        """select o.customer_id customer, o.merchant_id merchant
           from return_cases r join orders o on o.id = r.order_id where r.id = asked.id""",
    ),
    "settlement": Ownership("SETTLEMENT_NOT_FOUND", "settlement", _SETTLED),
    "saga": Ownership("SAGA_NOT_FOUND", "saga", _SETTLED),
    "parked": Ownership(
        "PARKED_NOT_FOUND", "parked message",
        """select o.customer_id customer, o.merchant_id merchant
           from parked p join orders o on o.id = p.key where p.id = asked.id::bigint""",
    ),
}
