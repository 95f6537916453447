"""`python -m settle.simulation.exhaustive`: explores all scopes and says what was found."""

import sys

from settle.simulation.exhaustive.explorer import Explored, explore
from settle.simulation.exhaustive.scopes import LARGE, LARGEST, SMALL


def main() -> int:
    """Exit status 1 where a law breaks or something is left to look at."""
    held = [_told(explore(scope)) for scope in (*SMALL, *LARGE, *LARGEST)]
    return 0 if all(held) else 1


def _told(found: Explored) -> bool:
    shelves = " ".join(found.scope.shelves) + (", in turn" if found.scope.in_turn else "")
    shelves += ", one command set aside" if found.scope.sets_aside else ""
    sys.stdout.write(f"{shelves}: {found.states:,} states, {found.steps:,} steps\n")
    if found.flaw or not found.complete:
        sys.stdout.write("".join(f"  {line}\n" for line in (*found.story, found.flaw or "more than was looked at")))
    return found.complete and not found.flaw


if __name__ == "__main__":
    sys.exit(main())
