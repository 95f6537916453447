"""Ids carry their kind: `ord_…`, `saga_…`. Pure code derives them from the message that asked; it never mints."""

import zlib
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1d9c1e-6f0b-5b57-9d0a-3f7e2c1b8a44")


def derived(kind: str, *parts: str) -> str:
    """The id `<kind>_<32 hex digits>` that these parts always give: same parts, same id."""
    return f"{kind}_{uuid5(_NAMESPACE, '/'.join(parts)).hex}"


def money_account(owner_id: str) -> str:
    """The account of somebody who has no other: every service names it alike (OP-6)."""
    return derived("acc", "customer", owner_id)


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key; one function for producers, lanes and shards."""
    return zlib.crc32(key.encode()) % partitions
