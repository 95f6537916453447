"""Options that several verbs share."""

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


Data = Annotated[Path, typer.Option("--data", help="Where the engine keeps its data and `endpoints.json`.")]
Broker = Annotated[BrokerChoice, typer.Option(help="Apache Kafka, the embedded stand-in, or the first that works.")]
Clock = Annotated[ClockChoice, typer.Option(help="`manual` stands still until SetClock moves it.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line, and nothing else on stdout.")
]
DATA = Path(".run")
