"""The start of a process that is no service: what it is not given is one line and exit status 2, as theirs is."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from services.runtime.ground.settings import SettingsError

CANNOT_START = 2


@contextmanager
def starting(name: str, environ: Mapping[str, str], *needed: str) -> Iterator[None]:
    """Run the process in the block; it ends before it begins where `needed` settings are missing, and where it finds
    one that makes no sense."""
    try:
        if missing := [setting for setting in needed if not environ.get(setting)]:
            raise SettingsError(f"{', '.join(missing)} must be set")
        yield
    except SettingsError as error:
        sys.stderr.write(f"{name} cannot start: {error}\n")
        raise SystemExit(CANNOT_START) from error
