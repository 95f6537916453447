"""A service as it would be without identity and without codes of its records: `python -m tests.benchmarks.unguarded`.

UNGUARDED_MODULE names the service, UNGUARDED what it goes without, of `tokens` and `macs`. Only for measuring.
"""

import os
import runpy
from collections.abc import Sequence
from typing import Any

from services.runtime.ground.macs import Signer, Verifier
from services.runtime.ground.records import Headers, Outgoing
from services.runtime.ground.settings import Settings

MODULE, WITHOUT = "UNGUARDED_MODULE", "UNGUARDED"


def _unsigned(_signer: Signer, record: Outgoing) -> Headers:
    return record.headers


def _trusting(_verifier: Verifier, *_record: Sequence[Any]) -> None:
    """Whoever wrote it."""


def _unknown(_settings: Settings) -> None:
    """Nobody has to be known: a service without keys has no door."""


def main() -> None:
    """Take away what is named, and run the service."""
    without = os.environ[WITHOUT].split()
    if "macs" in without:
        setattr(Signer, "signed", _unsigned)  # noqa: B010  # mypy knows that a class keeps its methods
        setattr(Verifier, "check", _trusting)  # noqa: B010  # as above
    if "tokens" in without:
        setattr(Settings, "check_identity", _unknown)  # noqa: B010  # as above
    runpy.run_module(os.environ[MODULE], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
