"""What the auditor did not see of a credit account (findings: proto_blind): found, and named by row and field."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from settle.audit.findings import CREDIT
from settle.audit.folds import credit_walk
from settle.audit.snapshots import Connection, World
from tests.settle.audit.edited_values import auditor_of, broken
from tests.settle.audit.house import house
from tests.settle.audit.planting import journal
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell
from tests.settle.audit.test_audit import NOW

_FIRST_FUNDING = "root = 'acc_1' and op = 'wallet_fund'"
_COPIED = """
insert into journals select root, root_version, no + 1, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
from journals where """


class Corruption(NamedTuple):
    """What is done to the story's credit book, and the beginnings of what is found."""

    says: str
    sql: str
    found: tuple[str, ...]


def _plan(changes: str) -> str:
    return f"update agreements set plans = {changes} where order_id = 'ord_flash'"


def _item(number: int, field: int, value: str, plans: str = "plans::jsonb") -> str:
    return f"jsonb_set({plans}, '{{0,instalments,{number},{field}}}', '{value}')"


def _second(posted: str) -> str:
    """As the second journal of its decision."""
    return posted.replace("1, 0, ", "1, 1, ")


CORRUPTIONS = (
    Corruption(
        "one fen less in the journal and in the wallet",
        f"update journals set amounts = '{{299999,-299999}}' where {_FIRST_FUNDING};"
        "update credit_accounts set wallet_minor = wallet_minor - 1",
        ("credit_accounts acc_1 wallet_minor", "journals acc_1/2/0 amounts"),
    ),
    Corruption(
        "a funding gone with its journal",
        f"delete from journals where {_FIRST_FUNDING};"
        "update credit_accounts set wallet_minor = wallet_minor - 300000",
        ("credit_accounts acc_1 wallet_minor", "journals of operation acc_1/00000002"),
    ),
    Corruption(
        "a funding applied twice",
        f"{_COPIED} {_FIRST_FUNDING}; update credit_accounts set wallet_minor = wallet_minor + 300000",
        ("credit_accounts acc_1 wallet_minor", "journals acc_1/2/1"),
    ),
    Corruption(
        "money between two company accounts", _second(journal("A.BANK,I.FEE", "-50000,50000", version=1)),
        ("journals acc_1/1/1",),
    ),
    Corruption(
        "a split that keeps its sum", _plan(_item(9, 3, "3233", _item(8, 3, "3433"))),
        ("agreements ord_flash plans[1].instalments[no 9].principal_minor",
         "agreements ord_flash plans[1].instalments[no 10].principal_minor"),
    ),
    Corruption(
        "a fee that is not billed yet", _plan(_item(9, 5, "99999", _item(9, 4, "99999"))),
        ("agreements ord_flash plans[1].instalments[no 10].fee_initial_minor",
         "agreements ord_flash plans[1].instalments[no 10].fee_minor"),
    ),
    Corruption(
        "dates ten years later", _plan(_item(9, 2, '"2036-01-15"', _item(9, 1, '"2036-01-05"'))),
        ("agreements ord_flash plans[1].instalments[no 10].bill_date",
         "agreements ord_flash plans[1].instalments[no 10].due_date"),
    ),
    Corruption(
        "debt that no cut finds", "update agreements set open = false where order_id = 'ord_flash'",
        ("agreements ord_flash open",),
    ),
    Corruption(
        "no cut to come", "update credit_accounts set next_cut_at = null", ("credit_accounts acc_1 next_cut_at",),
    ),
    Corruption(
        "a statement's amount", "update statements set amount_minor = amount_minor + 777",
        ("statements acc_1/2026-01-05 amount_minor",),
    ),
    Corruption("a statement gone", "delete from statements", ("statements acc_1/2026-01-05",)),
    Corruption(
        "an input of the log", "update operations set body = replace(body::text, '300000', '1')::json where number = 2",
        ("operations acc_1/00000002 moved WALLET", "journals acc_1/2/0 amounts"),
    ),
    Corruption(
        "what an operation moved", "update operations set moved = '[]' where number = 2",
        ("operations acc_1/00000002 moved WALLET",),
    ),
    Corruption(
        "an operation's facts", "update operations set facts = '{}' where kind = 'RefundTenders' and number = 13",
        ("journals acc_1/",),
    ),
    Corruption(
        "a release that was not posted", "delete from journals where order_id = 'ord_cancelled' and op = 'release'",
        ("journals of operation acc_1/00000004, release LIMIT ord_cancelled",),
    ),
    Corruption(
        "a capture for another merchant",
        "update journals set subs[2] = 'mer_9' where order_id = 'ord_flash' and op = 'capture' and unit = 'CNY'",
        ("journals acc_1/10/1 subs",),
    ),
    Corruption(
        "a payment of nobody", "delete from payment_references",
        ("payment_references payment-of-ord_whole", "payment_references payment-of-ord_paid_in_vain"),
    ),
    Corruption(
        "another customer", "update credit_accounts set customer_id = 'cus_evil'",
        ("credit_accounts acc_1 customer_id",),
    ),
    Corruption(
        "a hold for a lifetime",
        """update agreements set hold = jsonb_set(hold::jsonb, '{expires_at}', '"2099-01-01T00:00:00Z"')
           where order_id = 'ord_waiting'""",
        ("agreements ord_waiting hold.expires_at",),
    ),
    Corruption(
        "another merchant", "update agreements set merchant_id = 'mer_9' where order_id = 'ord_flash'",
        ("agreements ord_flash merchant_id",),
    ),
    Corruption(
        "another state", "update agreements set state = 'DRAFT' where order_id = 'ord_flash'",
        ("agreements ord_flash state",),
    ),
    Corruption(
        "a limit that nobody granted",
        "update credit_accounts set granted_minor = 2000000;"
        + _second(journal("LIM.AVAIL,LIM.GRANT", "1000000,-1000000", "acc_1,acc_1", unit="LIMIT", version=1)),
        ("credit_accounts acc_1 granted_minor", "journals acc_1/1/1"),
    ),
    Corruption("a repayment gone", "delete from repayments", ("repayments rep_",)),
    Corruption(
        "an account's place in its log", "update credit_accounts set stated_operations = 0, shipments = 99",
        ("credit_accounts acc_1 stated_operations", "credit_accounts acc_1 shipments"),
    ),
    Corruption(
        "a leg of another amount", "update legs set amount_minor = amount_minor + 500 where order_id = 'ord_whole'",
        ("legs leg_",),
    ),
    Corruption(
        "an operation gone", "delete from operations where number = 2", ("operations acc_1/00000002",),
    ),
)


@pytest.fixture(scope="module")
async def auditor() -> AsyncIterator[Connection]:
    """The auditor's connection to the credit book of the story."""
    with server() as dsn:
        async with house(dsn, "blind", NOW) as world:
            await tell(world)
            async with auditor_of(world.dsns[CREDIT]) as connection:
                yield connection


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.says)
async def test_what_was_not_seen_is_named(auditor: Connection, corruption: Corruption) -> None:
    """By the row and the field, and it says since when."""
    async with broken(auditor, *corruption.sql.split(";")):
        found = await credit_walk.fold(World({CREDIT: auditor}, quiet=True), ["acc_1"])

    for beginning in corruption.found:
        assert any(each.what.startswith(beginning) for each in found), found


async def test_what_older_code_wrote_is_as_it_was_told(auditor: Connection) -> None:
    """It kept nothing with its operations, wrote lists with other spaces, and knew no word of a leg."""
    async with broken(
        auditor, "update operations set before = null, facts = facts::jsonb, moved = moved::jsonb",
        "update agreements set plans = plans::jsonb, hold = hold::jsonb", "update legs set word = '', ended = ''",
    ):
        assert not await credit_walk.fold(World({CREDIT: auditor}, quiet=True), ["acc_1"])
