"""What all verbs share: what an operator gave that is of no use is answered in one line and exit status 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError  # typer brings its own click and exports neither
from typer.core import TyperGroup

from settle.local.refusals import CannotRun

CANNOT_RUN = 2


class Verbs(TyperGroup):
    """A group of verbs whose refusals are lines for people, never tracebacks."""

    def make_context(self, *arguments: Any, **extra: Any) -> Any:  # Any: handed on as it came, as below
        """Read the options before the verb."""
        with _one_line():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Read the options of the verb that was asked for, and run it."""
        with _one_line():
            return super().invoke(ctx)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, NoArgsIsHelpError):  # nobody reads on, or the help was wanted: click's own affair
        raise
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "settle"
        typer.echo(f"settle: {_flat(error.format_message()).rstrip('.')}; `{command} --help` tells more", err=True)
        raise typer.Exit(CANNOT_RUN) from error
    except (CannotRun, OSError) as error:
        typer.echo(f"settle: {line_of(error)}", err=True)
        raise typer.Exit(CANNOT_RUN) from error


def line_of(error: Exception) -> str:
    """What it says, in one line."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return _flat(str(error)) or type(error).__name__


def _flat(text: str) -> str:
    return " ".join(text.split())
