"""The start of a process: what an operator has to mend is one line and an exit status of its own."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from services.runtime.ground.settings import SettingsError

CANNOT_START = 2


@contextmanager
def starting(name: str, *causes: type[Exception]) -> Iterator[None]:
    """Run the process in the block. A setting that is missing or makes no sense, or another of these causes, ends it
    with a line that says so and `CANNOT_START`."""
    told: tuple[type[Exception], ...] = (SettingsError, *causes)
    try:
        yield
    except told as error:
        sys.stderr.write(f"{name} cannot start: {error}\n")
        raise SystemExit(CANNOT_START) from error


def must_be_set(environ: Mapping[str, str], *names: str) -> None:
    """Raise `SettingsError` with the names of the settings that are not there, or empty."""
    if missing := [name for name in names if not environ.get(name)]:
        raise SettingsError(f"{', '.join(missing)} must be set")
