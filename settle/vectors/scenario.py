"""A scenario file as data: `load` reads one, or says why it cannot be read."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Json = Any  # a piece of a scenario file, as json.loads gives it; its shape is the format page's

FORMAT = "settlement-scenarios/1"


class Unreadable(Exception):
    """A file is not a scenario file of this format; the text says where."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One case, with the policies of its file."""

    id: str
    kind: str
    given: Json
    when: tuple[Json, ...]
    then: Json
    policies: Json


def load(path: Path) -> tuple[Scenario, ...]:
    """All cases of a file, in order; fractions are read as decimals."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list):
        raise Unreadable(f"{path}: no cases")
    found = content["meta"].get("format") if isinstance(content.get("meta"), dict) else None
    if found != FORMAT:
        raise Unreadable(f"{path}: meta.format is {found!r}, not {FORMAT!r}")
    policies = content.get("policies", {})
    return tuple(_scenario(path, number, case, policies) for number, case in enumerate(content["cases"]))


def _scenario(path: Path, number: int, case: Json, policies: Json) -> Scenario:
    try:
        return Scenario(
            id=str(case["id"]), kind=str(case["kind"]), given=case["given"], when=tuple(case["when"]),
            then=dict(case["then"]), policies=policies,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{path}: case {number} lacks or misshapes {error}") from error
