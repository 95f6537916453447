"""Settings, migrations, metrics and log lines: what an operator sees of a process."""

import asyncio
import re
from dataclasses import fields, replace
from pathlib import Path

import asyncpg
import pytest

from services.kernel.errors import Defect
from services.kernel.messages import DECIDED_DAYS_MAX
from services.runtime.ground import facts
from services.runtime.ground.logs import redact
from services.runtime.ground.metrics import serve_metrics
from services.runtime.ground.migrations import RUNTIME, MigrationsMissing, check_migrated, list_migrations, migrate
from services.runtime.ground.settings import Settings, SettingsError, settings_table


def test_a_services_own_variable_goes_before_the_general_one() -> None:
    """So that one environment serves several services."""
    environ = {
        "SETTLE_DSN": "general", "SETTLE_ORDER_DSN": "own", "SETTLE_LANES": "7", "SETTLE_PEER_TARGET": "127.0.0.1:1",
    }

    order, other = (Settings.from_environ(environ, service) for service in ("order", "other"))

    assert (order.dsn, other.dsn) == ("own", "general")
    assert (order.lanes, order.target("peer"), order.option("unknown", "x")) == (7, "127.0.0.1:1", "x")


@pytest.mark.parametrize(("name", "value"), [
    ("SETTLE_CLOCK", "sundial"), ("SETTLE_LANES", "many"), ("SETTLE_LANES", "0"), ("SETTLE_REFLECTION", "perhaps"),
])
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    """With the variable's name in the message."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: value}, "s")


@pytest.mark.parametrize("unsafe", [
    {"SETTLE_CLOCK": "manual"}, {"SETTLE_BROKER": "embedded"}, {"SETTLE_REFLECTION": "true"},
])
def test_production_refuses_what_is_only_safe_at_home(unsafe: dict[str, str]) -> None:
    """A manual clock, the embedded broker, default keys, reflection."""
    production = Settings.from_environ({"SETTLE_PROFILE": "production"}, "s")

    assert not production.reflection
    with pytest.raises(SettingsError, match="default keys"):
        production.key("quote")
    with pytest.raises(SettingsError, match="refused"):
        Settings.from_environ({"SETTLE_PROFILE": "production", **unsafe}, "s")


def test_no_process_serves_callers_that_it_cannot_know() -> None:
    """Without keys, or in production by those of a machine's own issuer."""
    keys = {"SETTLE_IDENTITY_JWKS": "keys.json"}
    production = keys | {"SETTLE_PROFILE": "production"}

    for environ, named in (({}, "IDENTITY_JWKS"), (production, "IDENTITY_ISSUER")):
        with pytest.raises(SettingsError, match=named):
            Settings.from_environ(environ, "s").check_identity()
    Settings.from_environ(keys, "s").check_identity()
    Settings.from_environ(production | {"SETTLE_IDENTITY_ISSUER": "https://issuer.test"}, "s").check_identity()


def test_a_key_is_32_bytes() -> None:
    """From hexadecimal; the local default differs by use."""
    local = Settings.from_environ({"SETTLE_A_KEY": "ab" * 32, "SETTLE_B_KEY": "ab", "SETTLE_C_KEY": "zz"}, "s")

    assert local.key("a") == b"\xab" * 32
    assert local.key("d") != local.key("e")
    for bad in ("b", "c"):
        with pytest.raises(SettingsError):
            local.key(bad)


def test_the_table_has_every_setting_and_what_it_means() -> None:
    """`settle doctor` prints it."""
    table = settings_table(Settings("s", lanes=3))

    names = {f"SETTLE_{known.name.upper()}" for known in fields(Settings)}
    assert names - {row[0] for row in table} == {"SETTLE_SERVICE", "SETTLE_ENVIRON"}
    assert all(re.search(r"\w{3}", meaning) for _, _, _, meaning in table)
    assert next(row for row in table if row[0] == "SETTLE_LANES")[1:3] == ("1", "3")


async def test_migrations_run_once_in_order_and_never_change(settings: Settings, tmp_path: Path) -> None:
    """The runtime's first, then the service's own; a dry run changes nothing."""
    folder = tmp_path / "shop" / "migrations"
    folder.mkdir(parents=True)
    sql = "-- migrate:up\ncreate table things (id text);\n-- migrate:down\ndrop table things;\n"
    (folder / "0001_things.sql").write_text(sql)
    ours = [migration.version for migration in list_migrations([RUNTIME])]

    assert await migrate(settings.dsn, [folder], dry_run=True) == [*ours, "shop/0001_things"]
    with pytest.raises(MigrationsMissing, match=r"runtime/0001_runtime, .*shop/0001_things; `migrate` applies them"):
        await check_migrated(settings.dsn, [folder])
    one, other = await asyncio.gather(migrate(settings.dsn, [folder]), migrate(settings.dsn, [folder]))
    assert sorted(one + other) == sorted([*ours, "shop/0001_things"])
    assert await migrate(settings.dsn, [folder]) == []
    await check_migrated(settings.dsn, [folder])
    await check_migrated(settings.dsn, [])  # as a release of before sees it

    (folder / "0001_things.sql").write_text("-- migrate:up\ncreate table other (id text);\n")
    with pytest.raises(Defect, match="was changed"):
        await migrate(settings.dsn, [folder])


async def test_metrics_and_health_are_served() -> None:
    """/metrics, /livez, and /readyz that follows the process and says what keeps it from being ready."""
    why = "no session"
    server = await serve_metrics("127.0.0.1:0", lambda: why)
    host, port = server.sockets[0].getsockname()

    async def get(path: str) -> str:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    assert "settle_batches_total" in await get("/metrics")
    assert "200 OK" in await get("/livez")
    refused = await get("/readyz")
    assert "503" in refused
    assert "not ready: no session" in refused
    why = ""
    assert "200 OK" in await get("/readyz")
    assert "404" in await get("/")
    server.close()


def test_sensitive_values_never_reach_a_log_line() -> None:
    """Also one level deep."""
    line = redact(None, "info", {"event": "x", "token": "t", "request": {"code": "c", "order": "o"}})

    assert line == {"event": "x", "token": "***", "request": {"code": "***", "order": "o"}}


def test_nothing_is_decided_of_which_the_answer_may_be_gone() -> None:
    """Answers are kept for longer than copies of their messages are decided, however short they are kept."""
    least = next(days for days in range(1, 100) if _kept(days))

    assert (least, least > DECIDED_DAYS_MAX) == (30, True)


def _kept(days: int) -> bool:
    try:
        return Settings.from_environ({"SETTLE_RETENTION_DAYS": str(days)}, "s").retention_days == days
    except SettingsError:
        return False


async def test_a_database_keeps_its_partitions(local: Settings) -> None:
    """Keys would go elsewhere (case 31); whoever has old data and the new default reads one line that says what to set.
    """
    connection = await asyncpg.connect(local.dsn)
    await facts.check_settings(connection, local)

    with pytest.raises(SettingsError, match=r"SETTLE_PARTITIONS=32, .* made with 2,"):
        await facts.check_settings(connection, replace(local, partitions=32))

    await connection.close()
