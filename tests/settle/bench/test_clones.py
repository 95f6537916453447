"""Clones are customers like the first ones: ids of their own everywhere, and books that the auditor accepts."""

import uuid
from datetime import UTC, datetime

import pytest

from services.kernel.ids import derived, partition_of
from services.order.domain.commands import CancelOrder
from settle.audit import auditor, telling
from settle.bench import loader
from settle.bench.clones import Ids, forms_of, renamed, renamed_text
from settle.bench.targets import Target, read_targets, request_of, write_targets
from tests.settle.audit.house import PARTITIONS, House

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
CLONES = 5


async def test_clones_are_clean_and_know_their_partition(family: House) -> None:
    """Five copies of the family: five times the rows, timers where their roots lie, shares that follow the ids."""
    await loader._clone(family.dsns, CLONES)

    report = await auditor.audit(family.dsns, wait_seconds=0, strict=True)
    assert report.clean, telling.as_text(report)
    orders = family.connections["order"]
    assert await orders.fetchval("select count(*) from orders") == 3 * CLONES
    assert await orders.fetchval("select count(distinct account_id) from orders") == CLONES
    timers = await orders.fetch("select root, partition from timers")
    assert len(timers) >= CLONES
    assert all(row["partition"] == partition_of(row["root"], PARTITIONS) for row in timers)
    assert await family.connections["credit_ledger"].fetchval("select count(*) from merchant_shares") > 1


async def test_a_clone_can_be_settled(family: House) -> None:
    """A cloned order is cancelled like any other."""
    order_id = await family.connections["order"].fetchval(
        "select id from orders where state = 'AWAITING_SHIPMENT' order by id desc limit 1"
    )

    await family.ask("order", order_id, CancelOrder(order_id, "NOT_WANTED"))

    assert await family.connections["order"].fetchval("select state from orders where id = $1", order_id) == "CANCELLED"


async def test_what_names_no_id_stands_once(family: House) -> None:
    """A service's standing timer is no customer's, nor is an event without an id, whatever its bytes: they have no
    clone, and do not stop the others from being cloned."""
    ledger = family.connections["credit_ledger"]
    passing = ledger.transaction()
    await passing.start()
    await ledger.execute(
        """insert into timers (kind, key, root, partition, due_at) values ('standing', 'the bank', 'the bank', 0, now())
           on conflict do nothing"""
    )
    await ledger.execute(
        """insert into events (aggregate_id, sequence, type, at, payload, link)
           values ('the bank', 1, 't', now(), $1, $2)""",
        b"nothing that names anybody", bytes(range(16)),
    )

    forms = await forms_of(ledger, Ids())
    await passing.rollback()

    assert all(b"the bank" not in literal for form in forms for literal in form.literals)
    assert {"timers", "events"} <= {form.table for form in forms}


async def test_the_family_itself_is_clone_zero(family: House) -> None:
    """Filled with its own ids, a form is the text that it was made from."""
    ids = Ids()
    forms = await forms_of(family.connections["credit_ledger"], ids)

    agreements = next(form for form in forms if form.table == "agreements")
    stored = await family.connections["credit_ledger"].fetchval("select count(*) from agreements")
    assert agreements.filled(ids.of_clone(0), PARTITIONS).count(b"\n") == stored
    assert len(set(ids.of_clone(1))) == len(ids.numbers)


def test_what_follows_from_an_id_follows_from_it_in_a_clone() -> None:
    """The id of a repayment says of which operation of which account it is; the auditor works it out again."""
    account = f"acc_{uuid.uuid4().hex}"
    repayment = derived("rep", account, "3")
    ids = Ids()
    for text in (account, repayment):
        ids.number(text[4:].encode())

    ids.derive(f"{account}/{number}" for number in range(1, 9))

    of_account, of_repayment = (token.decode() for token in ids.of_clone(7))
    assert f"rep_{of_repayment}" == derived("rep", f"acc_{of_account}", "3")
    assert ids.of_clone(0) == [account[4:].encode(), repayment[4:].encode()]


def test_ids_keep_their_order() -> None:
    """A bill takes its orders by their ids; its journals in a clone are in the order of the first ones'."""
    family = sorted(uuid.uuid4().hex.encode() for _ in range(200))

    assert [renamed(token, 7) for token in family] == sorted(renamed(token, 7) for token in family)


def test_ids_keep_their_length_and_form() -> None:
    """A clone's id is as long as the first one's, and a UUID stays a UUID."""
    plain, dashed = uuid.uuid4().hex.encode(), str(uuid.uuid4()).encode()

    assert len(renamed(plain, 7)) == len(plain)
    assert uuid.UUID(renamed(dashed, 7).decode()).version == 4
    assert renamed(plain, 7) == renamed(plain, 7) != renamed(plain, 8)
    assert renamed_text(f"ord_{plain.decode()}/release/3", 7) == f"ord_{renamed(plain, 7).decode()}/release/3"
    assert renamed_text("ord_x", 7) == "ord_x"


def test_targets_survive_their_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The load process reads what the bench wrote, and every request has an id of its own."""
    file = tmp_path_factory.mktemp("targets") / "targets"
    targets = [Target("ord_1"), Target("ord_2", "ret_2")]

    write_targets(file, targets)

    assert read_targets(file) == targets
    requests = {request_of(target, number)[1] for number, target in enumerate(targets)}
    assert len(requests) == 2
