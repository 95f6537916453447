"""Rows of agreements with enterprises, of their years that are over, and of the batches that they revoke."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.enterprise.agreement import (
    AgreedTerms,
    Agreement,
    AgreementProposal,
    AgreementTerms,
    AgreementYear,
)
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_AGREEMENT = """id, customer_id, number, terms, proposed_by, approved_by, since, proposals, proposal, year,
    redeemed_minor, sequence, version, events_head"""
_BATCH = "id, agreement_id, requested_at, items, version"
_TERMS = msgspec.json.Decoder(AgreementTerms)
_PROPOSAL = msgspec.json.Decoder(AgreementProposal)
_ITEMS = msgspec.json.Decoder(tuple[RevocationItem, ...])
_encode = msgspec.json.encode


def _agreement_of(row: asyncpg.Record) -> Agreement:
    proposal = row["proposal"]
    return Agreement(
        id=row["id"], customer_id=row["customer_id"], number=row["number"], terms=_TERMS.decode(row["terms"]),
        proposed_by=row["proposed_by"], approved_by=row["approved_by"], since=row["since"],
        proposals=row["proposals"], proposal=None if proposal is None else _PROPOSAL.decode(proposal),
        year=row["year"], redeemed_minor=row["redeemed_minor"], sequence=row["sequence"], version=row["version"],
        events_head=row["events_head"],
    )


async def load_agreements(connection: Connection, keys: Sequence[str]) -> list[Agreement]:
    """Lock and read these agreements."""
    rows = await connection.fetch(
        f"select {_AGREEMENT} from enterprise_agreements where id = any($1::text[]) order by id for no key update", keys
    )
    return [_agreement_of(row) for row in rows]


save_agreements = Saving(
    "enterprise_agreements",
    key="id",
    once=columns("text", "id", "customer_id"),
    moving=(
        *columns("bigint", "number", "proposals", "redeemed_minor", "sequence", "version"),
        column("terms", "json", lambda agreement: _encode(agreement.terms)),
        *columns("text", "proposed_by", "approved_by"), column("since", "timestamptz"), column("year", "integer"),
        column("proposal", "json", lambda agreement: _encode(agreement.proposal) if agreement.proposal else None),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""Whose it is never changes."""


async def load_agreed_terms(connection: Connection, keys: Sequence[str]) -> list[AgreedTerms]:
    """What is in force of these agreements, by what was committed last; nothing is locked."""
    rows = await connection.fetch(
        """select id, customer_id, number, terms from enterprise_agreements
           where id = any($1::text[]) and number > 0""",
        keys,
    )
    return [AgreedTerms(row["id"], row["customer_id"], row["number"], _TERMS.decode(row["terms"])) for row in rows]


async def load_years(connection: Connection, keys: Sequence[str]) -> list[AgreementYear]:
    """Read these closed years; their agreements are locked already."""
    rows = await connection.fetch(
        "select id, agreement_id, year, redeemed_minor, version from agreement_years where id = any($1::text[])", keys
    )
    return [AgreementYear(**row) for row in rows]


save_years = Saving(
    "agreement_years",
    key="id",
    once=(*columns("text", "id", "agreement_id"), column("year", "integer")),
    moving=columns("bigint", "redeemed_minor", "version"),
    sealed=True,
)
"""What is told of a year after it was over changes its sum."""


def _batch_of(row: asyncpg.Record) -> RevocationBatch:
    return RevocationBatch(
        id=row["id"], agreement_id=row["agreement_id"], requested_at=row["requested_at"],
        items=_ITEMS.decode(row["items"]), version=row["version"],
    )


async def load_batches(connection: Connection, keys: Sequence[str]) -> list[RevocationBatch]:
    """Read these batches; their agreements are locked already."""
    rows = await connection.fetch(f"select {_BATCH} from revocation_batches where id = any($1::text[])", keys)
    return [_batch_of(row) for row in rows]


save_batches = Saving(
    "revocation_batches",
    key="id",
    once=(*columns("text", "id", "agreement_id"), column("requested_at", "timestamptz")),
    moving=(column("items", "json", lambda batch: _encode(batch.items)), column("version", "bigint")),
    sealed=True,
)
"""What was asked for stays; its results come one by one."""


async def find_agreement(connection: Connection, agreement_id: str) -> Agreement | None:
    """An agreement, not locked."""
    row = await connection.fetchrow(f"select {_AGREEMENT} from enterprise_agreements where id = $1", agreement_id)
    return _agreement_of(row) if row else None


async def list_agreements(connection: Connection, customer_id: str, after: str, limit: int) -> list[Agreement]:
    """Agreements of a customer, or all, by id."""
    rows = await connection.fetch(
        f"""select {_AGREEMENT} from enterprise_agreements
            where ($1 = '' or customer_id = $1) and id > $2 order by id limit $3""",
        customer_id, after, limit,
    )
    return [_agreement_of(row) for row in rows]


async def find_batch(connection: Connection, agreement_id: str, batch_id: str) -> RevocationBatch | None:
    """A batch of an agreement, not locked."""
    row = await connection.fetchrow(
        f"select {_BATCH} from revocation_batches where id = $1 and agreement_id = $2", batch_id, agreement_id
    )
    return _batch_of(row) if row else None


async def cards_under(
    connection: Connection, agreement_id: str, customer_id: str, redemption_ids: Sequence[str]
) -> dict[str, str]:
    """The cards of those of these redemptions that were submitted under an agreement by its customer."""
    rows = await connection.fetch(
        """select id, card_id from redemption_orders
           where id = any($1::text[]) and agreement_id = $2 and customer_id = $3""",
        list(redemption_ids), agreement_id, customer_id,
    )
    return {row["id"]: row["card_id"] for row in rows}
