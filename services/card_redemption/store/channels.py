"""Rows of channels and of the versions of their terms."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, InForce, Proposal
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.runtime.ground.saving import Appending, Saving, column, columns
from services.runtime.ground.tables import Connection

_CHANNEL = "id, in_force, proposals, proposal, sequence, version, events_head"
_VERSION = "channel, number, terms, proposed_by, approved_by, since"
_TERMS = msgspec.json.Decoder(ChannelPolicy)
_PROPOSAL = msgspec.json.Decoder(Proposal)
_encode = msgspec.json.encode


def _channel_of(row: asyncpg.Record) -> Channel:
    proposal = row["proposal"]
    return Channel(
        name=row["id"], in_force=row["in_force"], proposals=row["proposals"],
        proposal=None if proposal is None else _PROPOSAL.decode(proposal), sequence=row["sequence"],
        version=row["version"], events_head=row["events_head"],
    )


def _version_of(row: asyncpg.Record) -> ChannelVersion:
    return ChannelVersion(_TERMS.decode(row["terms"]), row["proposed_by"], row["approved_by"], row["since"])


async def load_channels(connection: Connection, keys: Sequence[str]) -> list[Channel]:
    """Lock and read these channels."""
    rows = await connection.fetch(
        f"select {_CHANNEL} from channels where id = any($1::text[]) order by id for no key update", keys
    )
    return [_channel_of(row) for row in rows]


save_channels = Saving(
    "channels",
    key="id",
    once=(column("id", "text", "name"),),
    moving=(
        *columns("bigint", "in_force", "proposals", "sequence", "version"),
        column("proposal", "json", lambda channel: _encode(channel.proposal) if channel.proposal else None),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""What is in force of a channel, and what waits."""


async def load_channel_versions(connection: Connection, keys: Sequence[str]) -> list[ChannelVersion]:
    """Read these versions; a key is `<channel>@<number>`."""
    pairs = [key.rpartition("@") for key in keys]
    rows = await connection.fetch(
        f"""select {_VERSION} from channel_versions
            where (channel, number) in (select * from unnest($1::text[], $2::bigint[]))""",
        [channel for channel, _, _ in pairs], [int(number) for _, _, number in pairs],
    )
    return [_version_of(row) for row in rows]


save_channel_versions = Appending(
    "channel_versions",
    (
        column("channel", "text", "terms.channel"), column("number", "bigint", "terms.version"),
        column("terms", "json", lambda version: _encode(version.terms)), *columns("text", "proposed_by", "approved_by"),
        column("since", "timestamptz"),
    ),
    sealed=True,
)
"""Terms that were put in force; a trigger refuses every later change."""


async def load_in_force(connection: Connection, keys: Sequence[str]) -> list[InForce]:
    """What is in force of these channels, by what was committed last; nothing is locked."""
    rows = await connection.fetch(
        """select v.terms from channels c join channel_versions v on v.channel = c.id and v.number = c.in_force
           where c.id = any($1::text[])""",
        keys,
    )
    return [InForce(_TERMS.decode(row["terms"])) for row in rows]


async def find_channel(connection: Connection, name: str) -> tuple[Channel, ChannelVersion | None] | None:
    """A channel and what is in force of it, not locked."""
    found = await list_channels(connection, "", 1, only=name)
    if not found:
        return None
    versions = await list_channel_versions(connection, name, found[0].in_force - 1, 1) if found[0].in_force else []
    return found[0], versions[0] if versions else None


async def list_channels(connection: Connection, after: str, limit: int, only: str = "") -> list[Channel]:
    """Channels by name."""
    rows = await connection.fetch(
        f"select {_CHANNEL} from channels where id > $1 and ($3 = '' or id = $3) order by id limit $2",
        after, limit, only,
    )
    return [_channel_of(row) for row in rows]


async def list_channel_versions(
    connection: Connection, channel: str, after: int, limit: int
) -> list[ChannelVersion]:
    """Versions of a channel's terms, in order."""
    rows = await connection.fetch(
        f"""select {_VERSION} from channel_versions where channel = $1 and number > $2 order by number limit $3""",
        channel, after, limit,
    )
    return [_version_of(row) for row in rows]
