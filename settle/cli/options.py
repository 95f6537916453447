"""Options that several verbs share."""

import math
import re
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class BrokerChoice(StrEnum):
    """Which broker to run on."""

    auto = "auto"
    kafka = "kafka"
    embedded = "embedded"


class ClockChoice(StrEnum):
    """Where the engine's time comes from."""

    system = "system"
    manual = "manual"


def finite(given: float) -> float:
    """Comparisons with `nan` hold in no bounds."""
    if not math.isfinite(given):
        raise typer.BadParameter(f"{given} is not a number of seconds, or per second")
    return given


def duration(given: str) -> str:
    """A length of time, 90s, 20m or 1h, as seconds; nothing stays nothing."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", given.strip())
    if given and found is None:
        raise typer.BadParameter(f"{given!r} is no length of time; 90s, 20m and 1h are")
    return str(float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]) if found else ""


def text(given: str) -> str:
    """What a person wrote: not empty, and of characters that can be sent and shown."""
    if not given.strip():
        raise typer.BadParameter("must not be empty")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in given):
        raise typer.BadParameter(f"{given!r} holds characters that cannot be shown")
    return given


Data = Annotated[Path, typer.Option("--data", help="Where the engine keeps its data and `endpoints.json`.")]
Broker = Annotated[BrokerChoice, typer.Option(help="Apache Kafka, the embedded stand-in, or the first that works.")]
Clock = Annotated[ClockChoice, typer.Option(help="`manual` stands still until SetClock moves it.")]
Processes = Annotated[
    int, typer.Option(min=1, max=16, envvar="SETTLE_PROCESSES", help="Processes of each service, which share its work.")
]
Tls = Annotated[bool, typer.Option(
    "--tls", help="Nobody comes in without a certificate of the authority that is made in the data folder."
)]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line, and nothing else on stdout.")
]
DATA = Path(".run")
