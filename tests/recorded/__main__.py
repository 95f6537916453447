"""`python -m tests.recorded write` records the story anew, `... histories` the histories of sagas; `... show FOLDER`
writes the story out to be compared."""

import asyncio
import json
import sys
from pathlib import Path

from tests.recorded import canon, histories, plans, story
from tests.settle.audit.scratch import server

FIXTURE = Path(__file__).parent / "story.json"


def main(verb: str, *folder: str) -> None:
    """Tell the story, or the histories, and keep them."""
    if verb == "histories":
        histories.record(plans.of_a_shop())
        return
    with server() as dsn:
        rows = asyncio.run(story.told(dsn))
    if verb == "write":
        FIXTURE.write_text(json.dumps(canon.digests(rows), indent=0) + "\n")
    for table, by_aggregate in rows.items() if verb == "show" else ():
        lines = [f"{name} {canon.readable(row)}" for name, found in by_aggregate.items() for row in found]
        file = Path(folder[0]) / f"{table.replace('/', '.')}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
