"""`docs/access.md` as the policy has it; `python -m tests.architecture.access_page` writes it."""

from itertools import groupby
from pathlib import Path

from services.access import ACCESS, ROLES
from services.kernel.access import Row
from tests.access.contract import METHODS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "access.md"
HEAD = """# Access

Who may call what, as `services/access.py` has it; written by `tests/architecture/access_page.py` and held to it by a
test. ● may call it for everybody, ○ only for what is their own: where the last column names a field, the owner of that
thing is looked up, and what is somebody else's is answered exactly as what is not there; in lists the filter by owner
is the caller. `shared` is the same for everybody, `open` needs no token. A method that is not here is not served.
`not his own`: nobody decides about himself. Staff and merchants are refused (FOUR_EYES) where it is their own, or that
of the second of two people; what customers may do, they ask with a customer's token.
"""
TAIL = """
## Fields that name who acts

They hold the subject of the caller's token; empty, they are filled in, and somebody else is `ACTOR_MISMATCH`.

"""
SHORT = {"finance_maker": "maker", "finance_checker": "checker"}


def page() -> str:
    """The whole document."""
    rows = sorted(ACCESS.rows.items())
    services = [_service(name, dict(found)) for name, found in groupby(rows, lambda each: each[0].split("/")[1])]
    return HEAD + "".join(services) + TAIL + _actors()


def _service(name: str, rows: dict[str, Row]) -> str:
    columns = [SHORT.get(role, role) for role in ROLES]
    lines = [f"| method | {' | '.join(columns)} | of whom |", f"| --- |{' :-: |' * len(ROLES)} --- |"]
    lines += [_line(method, row) for method, row in rows.items()]
    return f"\n## {name}\n\n" + "\n".join(lines) + "\n"


def _line(method: str, row: Row) -> str:
    marks = [_mark(role, row) for role in ROLES]
    return f"| {method.rpartition('/')[2]} | {' | '.join(marks)} | {_whose(method, row)} |"


def _mark(role: str, row: Row) -> str:
    if role not in row.roles:
        return " "
    return "○" if role in ACCESS.bound and not row.shared else "●"


def _whose(method: str, row: Row) -> str:
    said = ["open"] if row.open else []
    said += ["shared"] if row.shared else []
    said += [f"{row.about.kind} by `{row.about.field}`"] if row.about else []
    said += [f"`{row.second[0]}` by a second token of a {row.second[1]}"] if row.second else []
    said += [f"`{name}` names somebody else" for name in sorted(row.plain)]
    said += [f"`{name}` not by ○" for name in sorted(row.reserved)]
    said += ["not his own"] if ACCESS.about_another(row, _fields(method)) else []
    return "; ".join(said)


def _fields(method: str) -> frozenset[str]:
    return frozenset(METHODS[method].input_type.fields_by_name) if method in METHODS else frozenset()


def _actors() -> str:
    lines = ["| field | in the role | or left empty by |", "| --- | --- | --- |"]
    for name, roles in sorted(ACCESS.actors.items()):
        free = ACCESS.unfilled.get(name, frozenset())
        lines.append(f"| `{name}` | {_listed(roles)} | {_listed(free)} |")
    return "\n".join(lines) + "\n"


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(role for role in ROLES if role in roles)


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
