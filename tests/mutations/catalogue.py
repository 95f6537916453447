"""All planted bugs, read from `bugs/`: of the protocol, and of money."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.mutations.mutant import Mutant

BUGS = Path(__file__).parent / "bugs"


def _read(wing: str) -> tuple[Mutant, ...]:
    bugs = tomllib.loads((BUGS / f"{wing}.toml").read_text()).get("bug", ())
    return tuple(
        Mutant(**{**bug, "killers": tuple(f"tests/{killer}" for killer in bug.get("killers", ()))}) for bug in bugs
    )


OF_PROTOCOL: Mapping[str, tuple[Mutant, ...]] = {
    "The saga": _read("sagas"),
    "Admission": _read("admitting"),
    "Participants and notices": _read("taking_part"),
    "What is stored": _read("storing"),
    "The tables of the services": _read("tables"),
    "Lanes, and what they send": _read("sending"),
    "What is stopped": _read("stopping"),
}
OF_MONEY: Mapping[str, tuple[Mutant, ...]] = {
    "Amounts, dates and orders": _read("amounts"),
    "Gift cards": _read("cards"),
    "Disputes": _read("disputes"),
    "The credit ledger": _read("credits"),
}
WINGS = {**OF_PROTOCOL, **OF_MONEY}
PROTOCOL = tuple(mutant for mutants in OF_PROTOCOL.values() for mutant in mutants)
MONEY = tuple(mutant for mutants in OF_MONEY.values() for mutant in mutants)
ALL = (*PROTOCOL, *MONEY)
