"""`settle doctor`: what this machine has, and what can be set."""

import os
import shutil
import subprocess
from importlib.metadata import version

import typer

from settle.cli.options import Json
from settle.local import checkout


def doctor(json: Json = False) -> None:
    """Say what was found and what each setting means.

    Exit status 1 if something needed is missing, 2 if a setting makes no sense.
    """
    import json as jsonlib

    from services.runtime.ground.settings import Settings, SettingsError, settings_table
    from settle.local import environs
    from settle.local.postgres import without_secrets
    from settle.local.refusals import BadSetting

    found = _found()
    try:
        table = settings_table(Settings.from_environ(os.environ, "order"))
        table += [(name, "", os.environ.get(name, ""), what) for name, what in environs.OF_THE_MACHINE.items()]
        environs.check(os.environ)
    except SettingsError as error:
        raise BadSetting(str(error)) from error
    table = [(name, default, without_secrets(value), meaning) for name, default, value, meaning in table]
    if json:
        typer.echo(jsonlib.dumps({"found": found, "settings": table}))
    else:
        for name, what in found.items():
            typer.echo(f"{name:<16} {what or 'missing'}")
        typer.echo("\nsetting, its value here, and what it means:")
        for name, default, value, meaning in table:
            typer.echo(f"{name:<38} {value or default or '-':<48} {meaning}")
    raise typer.Exit(0 if found["PostgreSQL"] and found["broker"] else 1)


def _found() -> dict[str, str]:
    from settle.local import machine, postgres, postgres_programs

    given = os.environ.get("SETTLE_PG_DSN", "")
    binaries = None if given else postgres_programs.find()
    server = f"{binaries[1]} ({binaries[0]})" if binaries else postgres.place_of(given) if given else ""
    return {
        "Python": machine.interpreter(),
        "uv": _uv(),
        "PostgreSQL": server,
        "Java": _first_line("java", "-version"),
        "Maven": _first_line("mvn", "--version"),
        "broker": os.environ.get("SETTLE_KAFKA") or _broker(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "aiokafka": version("aiokafka"),
        "asyncpg": version("asyncpg"),
    }


def _uv() -> str:
    root = checkout.find()
    fetched = str(root / ".tools" / "bin" / "uv") if root else ""
    return _first_line("uv", "--version") or _first_line(fetched, "--version")


def _broker() -> str:
    from settle.local import jars, kafka

    why = jars.why_not_kafka()
    if not why:
        return f"Apache Kafka {jars.KAFKA_VERSION}"
    return "" if kafka.extra_missing() else f"embedded ({why})"


def _first_line(tool: str, option: str) -> str:
    if shutil.which(tool) is None:
        return ""
    done = subprocess.run([tool, option], capture_output=True, text=True, check=False)
    return next(iter((done.stdout + done.stderr).strip().splitlines()), "")
