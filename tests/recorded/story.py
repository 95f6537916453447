"""The story from the first chapter to the last, and what it left behind."""

from datetime import datetime

from tests.recorded import (
    canon,
    chapter_after_sale,
    chapter_credit,
    chapter_faults,
    chapter_merchants,
    chapter_orders,
    chapter_reading,
    chapter_reductions,
)
from tests.recorded.people import People
from tests.recorded.stage import NAMES, stage

START = datetime.fromisoformat("2026-03-02T10:00:00+08:00")
CHAPTERS = (
    chapter_orders, chapter_after_sale, chapter_credit, chapter_merchants, chapter_faults, chapter_reading,
    chapter_reductions,
)


async def told(dsn: str, prefix: str = "story") -> dict[str, dict[str, list[str]]]:
    """Tell it on fresh databases of the server at `dsn`; answers all rows, and all answers under `answers`."""
    async with stage(dsn, prefix, START) as built:
        people = People(built)
        people.connect()
        try:
            for chapter in CHAPTERS:
                await chapter.tell(people)
        finally:
            await people.leave()
        rows: dict[str, dict[str, list[str]]] = {"answers": canon.answers(people.said)}
        for name in NAMES:
            rows |= await canon.rows_of(name, built.engines[name].connection)
        return rows
