"""Whose things are, for callers who see only their own. An id that is not there answers no row.

A card that was given away is its giver's until the receiver has activated it, so its owner is who owns it now.
"""

from collections.abc import Mapping

from services.runtime.identity.door import Ownership

OWNERS: Mapping[str, Ownership] = {
    "card": Ownership(
        "CARD_NOT_FOUND", "card",
        "select customer_id customer, null merchant, handed_to receiver from gift_cards where id = asked.id",
    ),
    "redemption": Ownership(
        "REDEMPTION_NOT_FOUND", "redemption",
        "select customer_id customer, null merchant from redemption_orders where id = asked.id",
    ),
    "agreement": Ownership(
        "AGREEMENT_NOT_FOUND", "agreement",
        "select customer_id customer, null merchant from enterprise_agreements where id = asked.id",
    ),
    "dispute": Ownership(
        "DISPUTE_NOT_FOUND", "dispute", "select customer_id customer, null merchant from disputes where id = asked.id"
    ),
    "saga": Ownership(
        "SAGA_NOT_FOUND", "saga",
        """select c.customer_id customer, null merchant
           from saga_records s join gift_cards c on c.id = s.root where s.id = asked.id""",
    ),
    "parked": Ownership(
        "PARKED_NOT_FOUND", "parked message",
        """select coalesce(c.customer_id, p.key) customer, null merchant
           from parked p left join gift_cards c on c.id = p.key where p.id = asked.id::bigint""",
    ),
    "root": Ownership(
        "CARD_NOT_FOUND", "card",
        """select customer_id customer, null merchant from gift_cards where id = asked.id
           union all select null, left(asked.id, -3) where asked.id ~ '^.+/[0-9]{2}$'""",
    ),
}
"""A root is a card, or a share of a merchant, whose key says whose it is (`kernel/shares.py`). Who redeems is himself
the key of what he is told. To whom a card is given decides as little about it as its owner."""
