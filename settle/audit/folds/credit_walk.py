"""Every credit account told again from its log, and each of its rows and journals held against that (MA-4, P24).

The log is read in pages, one account after the other; what was told is kept for one account at a time.
"""

from collections.abc import Mapping, Sequence

from services.credit_ledger.domain.model.payment_reference import PaymentReference
from settle.audit.findings import CREDIT, Finding, Walk
from settle.audit.folds import credit_operations, credit_rows
from settle.audit.folds.credit_account import FOLD, Account
from settle.audit.folds.streams import Stream
from settle.audit.folds.tables import compared, finding, missing
from settle.audit.shared_reads import JOURNALS
from settle.audit.snapshots import Connection, World

SAYS = "every account, each of its rows and journals are what its log tells, one operation after another"
CAUSE = "a row was changed, added or deleted past the engine; its log and its journals say otherwise"
FINDINGS_MAX = 200
"""So many are told of one account: one operation that was changed makes much of what follows look wrong."""


async def fold(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these accounts is not as their logs tell."""
    connection = world[CREDIT]
    operations = Stream(world, CREDIT, credit_operations.QUERY, ids)
    journals = Stream(world, CREDIT, JOURNALS, ids)
    children = [(table, Stream(world, CREDIT, table.query, ids)) for table in credit_rows.CHILDREN]
    findings: list[Finding] = []
    references: dict[str, PaymentReference] = {}
    for row in await connection.fetch(credit_rows.ACCOUNTS.query, ids):
        account = Account(connection, row["id"])
        await account.tell_all(operations, journals)
        account.compare_account(row)
        for table, stream in children:
            await account.compare_rows(table, stream)
        findings += account.findings[:FINDINGS_MAX]
        references |= account.history.rows.all(PaymentReference)
    return findings + await _references(connection, references)


async def _references(connection: Connection, told: Mapping[str, PaymentReference]) -> list[Finding]:
    """What is not as told of the acquirer's payments that orders of these accounts claimed."""
    table, findings, stored = credit_rows.REFERENCES, [], set()
    for row in await connection.fetch(table.query, list(told)) if told else ():
        stored.add(row["id"])
        findings += [
            finding(FOLD, f"{table.name} {row['id']} {difference.where}", difference.expected, difference.actual)
            for difference in compared(table, row, told[row["id"]])
        ]
    return findings + [missing(FOLD, table.name, key, "") for key in told.keys() - stored]


WALKS = (Walk(FOLD, SAYS, CREDIT, "account", fold, cause=CAUSE),)
