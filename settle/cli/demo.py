"""`settle demo`: the told story."""

import signal
import sys
from dataclasses import asdict

import typer

from settle.cli.options import Broker, BrokerChoice, Json, Processes, Tls


def demo(broker: Broker = BrokerChoice.auto, processes: Processes = 1, tls: Tls = False, json: Json = False) -> None:
    """Start everything from nothing and tell of three orders and three recycled cards; exit status 0 if all held."""
    import json as jsonlib

    from rich.console import Console

    from settle.demo.session import show
    from settle.demo.telling import Book

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: nothing that was started stays behind
    book = Book(None if json else Console(width=None if sys.stdout.isatty() else 120))
    show(book, broker.value, processes, tls, lambda line: typer.echo(line, err=True))
    if json:
        held = {"held": not book.failures, "failures": book.failures}
        told = {"chapters": [asdict(chapter) for chapter in book.chapters]}
        typer.echo(jsonlib.dumps(held | told, ensure_ascii=False))
    else:
        typer.echo("\neverything held" if not book.failures else "\ndid not hold:\n  " + "\n  ".join(book.failures))
    raise typer.Exit(1 if book.failures else 0)
