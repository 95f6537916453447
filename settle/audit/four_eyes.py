"""What people posted by hand, two people did on two papers, however names and references are written (MA-1, MA-3).

Who is the same person is said by the kernel and by nothing else, so it is asked here of every row, not in SQL.
"""

from services.credit_ledger.domain.adjustments.papers import EVIDENCE_MIN
from services.kernel.people import is_named, papers, same_person
from settle.audit.findings import CREDIT, Finding
from settle.audit.snapshots import World, pages

FOUR_EYES = "adjustments.four_eyes"
SAYS = {FOUR_EYES: "every adjustment by hand names two people and two papers (MA-1, MA-3)"}
_ADJUSTMENTS = """
select id, maker, checker, array(select json_array_elements_text(evidence)) papers from adjustments
"""


async def four_eyes(world: World) -> list[Finding]:
    """The adjustments that one person made alone, or without the papers."""
    found = []
    async for rows in pages(world[CREDIT], _ADJUSTMENTS):
        for row in rows:
            people, shown = (row["maker"], row["checker"]), papers(row["papers"])
            if not all(map(is_named, people)) or same_person(*people) or len(shown) < EVIDENCE_MIN:
                actual = f"{people[0]!r} and {people[1]!r} on {len(shown)}"
                found.append(Finding(FOUR_EYES, CREDIT, row["id"], "two people on two papers", actual))
    return found
