"""What is owed to one owner, spread over several rows so that none is hot: which shares there are, and who uses which.

    share_keys("m1") == ("m1/00", … "m1/15"), and share_key("m1", "acc_7") is always the same one of them.
"""

from services.kernel.ids import partition_of

SHARES = 16
"""How many shares an owner has; must never change for a database, for the same user always uses the same share."""


def share_key(owner_id: str, user_id: str) -> str:
    """The share of an owner that a user's business goes to."""
    return _key(owner_id, partition_of(user_id, SHARES))


def share_keys(owner_id: str) -> tuple[str, ...]:
    """All shares of an owner in their order."""
    return tuple(_key(owner_id, share) for share in range(SHARES))


def first_share(owner_id: str) -> str:
    """The share that stands for all of them: the root of what an owner is party to."""
    return _key(owner_id, 0)


def _key(owner_id: str, share: int) -> str:
    return f"{owner_id}/{share:02d}"
