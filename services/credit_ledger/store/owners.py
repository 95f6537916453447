"""Whose things are, for callers who see only their own. An id that is not there answers no row."""

from collections.abc import Mapping

from services.runtime.identity.door import Ownership

OWNERS: Mapping[str, Ownership] = {
    "account": Ownership(
        "ACCOUNT_NOT_FOUND", "account",
        "select customer_id customer, null merchant from credit_accounts where id = asked.id",
    ),
    "payout": Ownership(
        "PAYOUT_NOT_FOUND", "payout",
        """select a.customer_id customer, null merchant
           from payouts p join credit_accounts a on a.id = p.account_id where p.id = asked.id""",
    ),
    "saga": Ownership(
        "SAGA_NOT_FOUND", "saga",
        """select a.customer_id customer, null merchant
           from saga_records s join credit_accounts a on a.id = s.root where s.id = asked.id""",
    ),
    "parked": Ownership(
        "PARKED_NOT_FOUND", "parked message",
        """select a.customer_id customer, null merchant
           from parked p join credit_accounts a on a.id = p.key where p.id = asked.id::bigint""",
    ),
    "root": Ownership(
        "ACCOUNT_NOT_FOUND", "account",
        """select customer_id customer, null merchant from credit_accounts where id = asked.id
           union all select null, left(asked.id, -3) where asked.id ~ '^.+/[0-9]{2}$'""",
    ),
}
"""A root is an account, or a share of a merchant, whose key says whose it is (`kernel/shares.py`)."""
