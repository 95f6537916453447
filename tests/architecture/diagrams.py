"""`docs/states.md` as the tables of all lives draw it; `python -m tests.architecture.diagrams` writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.card_redemption.domain import lifecycles as cards
from services.credit_ledger.domain import lifecycles as credit
from services.kernel.lifecycle import Lifecycle
from services.kernel.saga_life import SAGA
from services.order.domain import lifecycles as orders

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "states.md"
HEAD = """# States

Drawn by `tests/architecture/diagrams.py` from the tables of the lives of all rows, and held to them by a test:
`services/order/domain/lifecycles.py`, `services/credit_ledger/domain/lifecycles.py`,
`services/card_redemption/domain/lifecycles.py`, `services/kernel/saga_life.py`. The same tables hold every decision in
the services' tests to its moves (`tests/lifecycles.py`), and `settle verify` every row and every timer
(`settle/audit/states`). An arrow is one decision; staying where it is is no move.
"""
SERVICES = (
    ("order", orders.LIFECYCLES), ("credit_ledger", credit.LIFECYCLES), ("card_redemption", cards.LIFECYCLES),
    ("every coordinator", (SAGA,)),
)


def drawn() -> str:
    """The whole document."""
    parts = [HEAD]
    for service, lives in SERVICES:
        for life in lives:
            parts.append("\n".join(_lines(service, life)))
    return "\n".join(parts)


def _lines(service: str, life: Lifecycle[Any]) -> Iterator[str]:  # Any: of every kind of rows
    derived = "; its state follows from its figures and is not stored" if life.derived else ""
    yield f"## {life.name.capitalize()}\n\nOwner: {service}{derived}.\n\n```mermaid\nstateDiagram-v2"
    for (before, after), what in life.moves.items():
        yield f"    {before or '[*]'} --> {after}: {what}"
    yield from (f"    {state} --> [*]" for state in life.states if state in life.terminal and _reached(life, state))
    yield "```\n"
    if life.woken:
        yield "| waits in | timer | due |\n| --- | --- | --- |"
        yield from (
            f"| {state} | `{kind}` | {due} |"
            for state in life.states for kind, due in life.woken.get(state, {}).items()
        )
        yield ""


def _reached(life: Lifecycle[Any], state: object) -> bool:  # Any: as above
    return any(after is state for _, after in life.moves)


if __name__ == "__main__":
    DOCUMENT.write_text(drawn())
