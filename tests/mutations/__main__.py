"""`python -m tests.mutations all`, or `some COUNT [SEED]`, or names of bugs; `write`, with names or for all, writes
what became of them into the table; `simulate MOST`, with names or for all of the protocol, asks the simulator alone,
with so many seeds at most, and writes after how many it noticed them."""

import sys
from collections.abc import Sequence

from tests.mutations import table
from tests.mutations.catalogue import ALL, PROTOCOL
from tests.mutations.choosing import chosen, seed_of_the_code
from tests.mutations.killing import Verdict, by_the_simulator, judged
from tests.mutations.mutant import Mutant


def main(verb: str, *more: str) -> int:
    """Plant, ask, tell; exit status 1 where a bug lives on."""
    if verb == "simulate":
        return _simulated(int(more[0]), *more[1:])
    mutants = _asked_for(*(more or ("all",)) if verb == "write" else (verb, *more))
    verdicts = [_told(verdict) for verdict in judged(mutants)]
    if verb == "write":
        table.FILE.write_text(table.written(verdicts, table.told()))
    alive = [verdict.mutant.name for verdict in verdicts if not verdict.killed]
    print(f"{len(verdicts) - len(alive)} of {len(verdicts)} killed" + "".join(f"\nALIVE {name}" for name in alive))
    return 1 if alive else 0


def _simulated(most: int, *names: str) -> int:
    """Each verdict is written as soon as it is there, for all of them take long."""
    mutants = [mutant for mutant in ALL if mutant.name in names] if names else PROTOCOL
    for verdict in map(_told, judged(by_the_simulator(mutants, most), gardens=1)):
        table.FILE.write_text(table.written((), table.told(), simulated=[verdict]))
    return 0


def _asked_for(verb: str, *more: str) -> Sequence[Mutant]:
    if verb == "all":
        return ALL
    if verb == "some":
        return chosen(ALL, int(more[0]), int(more[1]) if more[1:] else seed_of_the_code())
    by_name = {mutant.name: mutant for mutant in ALL}
    return [by_name[name] for name in (verb, *more)]


def _told(verdict: Verdict) -> Verdict:
    noticed = verdict.noticed or f"ALIVE\n{verdict.said}"
    print(f"{verdict.seconds:5.1f} s  {verdict.mutant.name}: {noticed} {verdict.after}", flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
