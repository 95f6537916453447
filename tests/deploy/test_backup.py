"""The drill of docs/backup.md: a backup under load, a new server from it, an empty Kafka, and books that hold."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from settle.audit import auditor, telling
from settle.client.calls import Rejected
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local import children, postgres_programs
from settle.local.endpoints import acquirer_of, dsns_of, sandboxes_of, targets_of
from settle.local.stack import LocalStack
from tests.deploy.image import ROOT

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]
SCRIPTS = ROOT / "deploy" / "backup"
SECONDS_MAX = 240
ORDERS_BEFORE, ORDERS_LATER = 6, 3
LIMIT_MINOR, PRICE_MINOR = 10_000_000, 1_000


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where both servers keep their data."""
    made = Path(tempfile.mkdtemp(prefix="settle-drill-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def programs() -> Path:
    """Where PostgreSQL's programs are; a test is skipped where those for backups are missing."""
    found = postgres_programs.find()
    lacking = [name for name in ("pg_basebackup", "pg_verifybackup") if found and not (found[1] / name).exists()]
    if found is None or lacking or os.environ.get("SETTLE_PG_DSN"):
        pytest.skip(f"a backup needs a server of our own and the programs beside it: {lacking or 'there is none'}")
    return found[1]


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts."""
    command = ["sh", str(SCRIPTS / name), *map(str, arguments)]
    environ = os.environ | {"PG_BIN": str(programs())}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


class Trade:
    """A customer who buys, and gets something back, again and again."""

    def __init__(self, stack: LocalStack, customer: Customer) -> None:
        said = stack.endpoints
        self.engine = Engine(targets_of(said), sandboxes_of(said), Tokens.of(said))
        self.desk, self.shop = Desk(self.engine, customer), Shop(self.engine, customer)
        self.ended: list[str] = []

    async def one(self, order_id: str = "") -> None:
        """An order that is shipped and paid back in part."""
        goods, paid = [Goods("a thing", 1, PRICE_MINOR)], [Payment("CREDIT", PRICE_MINOR - 100), Payment("WALLET", 100)]
        order = await self.shop.place(goods, paid, instalments(3), order_id=order_id)
        await self.shop.ship(order.order_id)
        await self.shop.refund_amount(order.order_id, 300)
        self.ended.append(order.order_id)

    async def until(self, over: asyncio.Event) -> None:
        """Trade on."""
        while not over.is_set():
            await self.one()


async def before(stack: LocalStack, customer: Customer, backup: Path) -> tuple[list[str], list[str]]:
    """Trade, and make a backup in the middle of it; the orders that were over before it began and after it ended."""
    trade, over = Trade(stack, customer), asyncio.Event()
    await trade.desk.open_account(LIMIT_MINOR, LIMIT_MINOR, PRICE_MINOR)
    for _ in range(ORDERS_BEFORE):
        await trade.one()
    held = list(trade.ended)
    async with asyncio.TaskGroup() as load:
        for _ in range(4):
            load.create_task(trade.until(over))
        try:
            done = await asyncio.to_thread(script, "backup.sh", stack.postgres.dsn, backup)
        finally:
            over.set()
    assert done.returncode == 0, done.stdout + done.stderr
    known = len(trade.ended)
    for _ in range(ORDERS_LATER):
        await trade.one()
    await trade.engine.close()
    return held, trade.ended[known:]


async def after(stack: LocalStack, customer: Customer, held: list[str], lost: list[str]) -> None:
    """What was under way ends, what came later is not known, and may come again; and trade goes on."""
    trade = Trade(stack, customer)
    await trade.engine.rest()
    for order_id in held:
        assert (await trade.shop.order(order_id)).order_id == order_id
    for order_id in lost:
        with pytest.raises(Rejected, match="ORDER_NOT_FOUND"):
            await trade.shop.order(order_id)
        await trade.one(order_id)
    await trade.one()
    await trade.engine.rest()
    await trade.engine.close()
    report = await auditor.audit(dsns_of(stack.endpoints), strict=True, acquirer=acquirer_of(stack.endpoints))
    assert report.clean, telling.as_text(report)


def test_a_backup_under_load_comes_back_whole(folder: Path) -> None:
    """Settlements that were under way at its instant are among it; nothing that came later is, in no database."""
    programs()
    customer, backup = Customer.new(), folder / "backup"
    first, second = folder / "first", folder / "second"
    with LocalStack(first, durable=False) as stack:
        held, lost = asyncio.run(before(stack, customer, backup))
    again = script("backup.sh", "postgresql://127.0.0.1:1/", backup)

    second.mkdir()
    data = postgres_programs.home_of(second) / "postgres"
    restored = script("restore.sh", backup, data)
    assert (restored.returncode, again.returncode) == (0, 2), restored.stderr + again.stderr
    assert "\nsettle.restored = '2" in (data / "postgresql.auto.conf").read_text()
    _give_to_the_server(data)
    for name in ("acquirer.sqlite", "endpoints.json"):  # the bank forgets nothing; and the folder is an engine's
        shutil.copy(first / name, second)
    try:
        with LocalStack(second, durable=False) as stack:
            asyncio.run(after(stack, customer, held, lost))
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _give_to_the_server(data: Path) -> None:
    if os.geteuid() == 0:
        for file in (data, *data.rglob("*")):
            os.chown(file, *children.nobody(), follow_symlinks=False)


def test_a_spoiled_backup_is_not_restored(tmp_path: Path) -> None:
    """The server's own manifest tells; nor is anything written over, or half of it left under the name."""
    programs()
    spoiled, data = tmp_path / "backup", tmp_path / "data"
    spoiled.mkdir()
    (spoiled / "PG_VERSION").write_text("15\n")
    refused = script("restore.sh", spoiled, data)

    assert refused.returncode not in (0, 2)
    assert not data.exists()
    data.mkdir()
    (data / "kept").touch()
    over = script("restore.sh", spoiled, data)
    assert (over.returncode, [file.name for file in data.iterdir()]) == (2, ["kept"])


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A folder with a backup that counts as verified, and the link by which people name the latest one."""
    programs, backup = tmp_path / "bin", tmp_path / "2026-11-30"
    for made in (programs, backup):
        made.mkdir()
    (programs / "pg_verifybackup").write_text("#!/bin/sh\n")
    (programs / "pg_verifybackup").chmod(0o755)
    (backup / "PG_VERSION").write_text("15\n")
    (backup / "postgresql.auto.conf").touch()
    (tmp_path / "latest").symlink_to(backup)
    return tmp_path


def restored(copies: Path) -> subprocess.CompletedProcess[str]:
    """The latest backup, restored to `data`."""
    command = ["sh", str(SCRIPTS / "restore.sh"), str(copies / "latest"), str(copies / "data")]
    environ = os.environ | {"PG_BIN": str(copies / "bin")}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


def test_a_backup_that_is_named_by_a_link_stays_as_it_is(copies: Path) -> None:
    """A server that starts on the link would write into the only copy."""
    done = restored(copies)

    assert (done.returncode, (copies / "data").is_symlink()) == (0, False), done.stderr
    assert (copies / "2026-11-30" / "postgresql.auto.conf").read_text() == ""
    assert "settle.restored" in (copies / "data" / "postgresql.auto.conf").read_text()


def test_half_a_copy_is_nothing_to_start_on(copies: Path) -> None:
    """Of a restoration that was interrupted: the next one would be put beside what it left."""
    (copies / "data.part").mkdir()

    refused = restored(copies)

    assert (refused.returncode, (copies / "data").exists()) == (2, False)
    assert "remove it" in refused.stderr
