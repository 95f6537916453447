"""How the story is told: words, tables and claims, on a terminal or as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

Row = Sequence[str]


class Teller(Protocol):
    """Somebody who listens."""

    def chapter(self, title: str) -> None: ...
    def say(self, text: str) -> None: ...
    def table(self, title: str, columns: Row, rows: Sequence[Row]) -> None: ...
    def claim(self, text: str, holds: bool) -> None: ...


@dataclass(slots=True)
class Chapter:
    """A part of the story as data."""

    title: str
    said: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)  # Any: a JSON object
    claims: list[dict[str, Any]] = field(default_factory=list)  # Any: a JSON object


class Book:
    """Keeps everything that is told; `console` hears it at once, if there is one."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self.chapters: list[Chapter] = []
        self.failures: list[str] = []

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.chapters.append(Chapter(title))
        if self._console:
            self._console.print()
            self._console.rule(f"[bold]{len(self.chapters)}. {title}[/bold]", align="left")

    def say(self, text: str) -> None:
        """Tell a sentence."""
        self.chapters[-1].said.append(text)
        if self._console:
            self._console.print(text, highlight=False)

    def table(self, title: str, columns: Row, rows: Sequence[Row]) -> None:
        """Show figures: words left, numbers right."""
        self.chapters[-1].tables.append({"title": title, "columns": list(columns), "rows": [list(row) for row in rows]})
        if self._console:
            self._console.print(_drawn(title, columns, rows))

    def claim(self, text: str, holds: bool) -> None:
        """State what was read back, and whether it is so."""
        self.chapters[-1].claims.append({"claim": text, "holds": holds})
        if not holds:
            self.failures.append(f"{self.chapters[-1].title}: {text}")
        if self._console:
            mark = "[green]✓[/green]" if holds else "[bold red]✗[/bold red]"
            self._console.print(f"  {mark} {text}", highlight=False)


def _drawn(title: str, columns: Row, rows: Sequence[Row]) -> Table:
    drawn = Table(title=title, title_justify="left", title_style="italic")
    for number, column in enumerate(columns):
        figures = [row[number] for row in rows]
        right = any(figures) and all(not text or text.lstrip("+-").replace(".", "").isdigit() for text in figures)
        drawn.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn
