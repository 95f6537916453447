"""Who takes which partition: every lane works it out for itself from the lanes that live, and all come to the same.

A lane can take every partition that its place in its process covers (number n of k: each k-th, from n on). Those that
several can take go round among them, in the order of their ids, so that no two shares differ by more than one.
"""

from collections.abc import Collection, Sequence

from services.runtime.stored.leases import Peer


def share_of(me: Peer, living: Collection[Peer], partitions: int) -> frozenset[int]:
    """The partitions that are `me`'s among the `living`, which need not name it; somebody living has each one."""
    takers = sorted({me, *living}, key=lambda peer: peer.lane_id)
    return frozenset(
        partition for partition in range(me.number, partitions, me.lanes) if _taker(takers, partition) == me
    )


def _taker(takers: Sequence[Peer], partition: int) -> Peer:
    able = [peer for peer in takers if partition % peer.lanes == peer.number]
    turn = partition // max(peer.lanes for peer in able)
    return able[turn % len(able)]
