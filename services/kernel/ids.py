"""Ids carry their kind: `ord_…`, `saga_…`. Pure code derives them from the message that asked; it never mints."""

import zlib
from hashlib import sha1
from uuid import UUID

_NAMESPACE = sha1(UUID("6f1d9c1e-6f0b-5b57-9d0a-3f7e2c1b8a44").bytes, usedforsecurity=False)
_VARIANT = "89ab"


def derived(kind: str, *parts: str) -> str:
    """The id `<kind>_<32 hex digits>` that these parts always give: same parts, same id. The digits are those of a UUID
    of version 5, which takes several times as long to be made as one."""
    hashing = _NAMESPACE.copy()
    hashing.update("/".join(parts).encode())
    digits = hashing.hexdigest()
    return f"{kind}_{digits[:12]}5{digits[13:16]}{_VARIANT[int(digits[16], 16) & 3]}{digits[17:32]}"


def money_account(owner_id: str) -> str:
    """The account of somebody who has no other: every service names it alike (OP-6)."""
    return derived("acc", "customer", owner_id)


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key; one function for producers, lanes and shards."""
    return zlib.crc32(key.encode()) % partitions
