"""What the document says of callers: how they are known, and who may call what, as the policy has it."""

from gateway.contract import methods
from gateway.documents.bounds import Schema
from services.access import ACCESS
from services.runtime.identity.bearer import SECOND_HEADER

SCHEMES: Schema = {
    "bearer": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "Who calls: a signed token. Locally `settle token --role platform` prints one.",
    },
}
SECURITY: list[Schema] = [{"bearer": []}]


def told(method: str) -> str:
    """For whom a method is."""
    row = ACCESS.rows[method]
    own = sorted(ACCESS.bound.intersection(row.roles)) if not row.shared else []
    seen = f", what is their own: {', '.join(own)}" if own else ""
    others = ", ".join(role for role in row.roles if role not in own)
    never = " Nobody of staff decides about himself." if ACCESS.about_another(row, _fields(method)) else ""
    return (f"For {others}{seen}." if others else f"For{seen[1:]}.") + never


def headers(method: str) -> list[Schema]:
    """The header of the second person, where a method takes two."""
    row = ACCESS.rows[method]
    if row.second is None:
        return []
    field, role = row.second
    return [{
        "name": SECOND_HEADER, "in": "header", "schema": {"type": "string", "pattern": "^Bearer "},
        "description": f"`Bearer` and the own token of who is named as `{field}`, a {role}.",
    }]


def by_token(method: str) -> set[str]:
    """The fields that the token fills in, whoever calls."""
    row, fields = ACCESS.rows[method], _fields(method)
    filled = [set(ACCESS.filled(row, role, fields)) for role in row.roles]
    return set.intersection(*filled) | ({row.second[0]} if row.second else set())


def _fields(method: str) -> frozenset[str]:
    """The fields of its request."""
    takes = next(each.descriptor.input_type for each in methods() if each.path == method)
    return frozenset(field.name for field in takes.fields)
