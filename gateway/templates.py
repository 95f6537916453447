"""Paths with variables (`/v1/orders/{order_id}:cancel`), as google.api.http writes them: matched, and taken apart.

A variable is one segment. A verb goes before a variable that would swallow it, as in `/v1/orders/{order_id}`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.contract import Method

_VARIABLE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """The method that a path leads to, and what stood in the place of its variables."""

    method: Method
    variables: dict[str, str]

    @property
    def changed(self) -> str | None:
        """The id of what a command changes, the last in its path; None of what changes nothing that is there."""
        changes = "request_id" in self.method.descriptor.input_type.fields_by_name
        return next(reversed(self.variables.values()), None) if changes else None


class Paths:
    """All that is served, found by verb and path."""

    def __init__(self, methods: Iterable[Method]) -> None:
        ordered = sorted(methods, key=lambda method: ("{" in method.template, ":" not in method.template))
        self._patterns = [(_compiled(method.template), method) for method in ordered]

    def find(self, verb: str, path: str) -> Match | None:
        """The first that fits; raises `ValueError` where a segment is not percent-encoded UTF-8."""
        for pattern, method in self._patterns:
            if method.verb == verb and (found := pattern.fullmatch(path)):
                return Match(method, {name: _decoded(text) for name, text in found.groupdict().items()})
        return None

    def verbs_of(self, path: str) -> list[str]:
        """Which verbs this path knows; none if it leads nowhere."""
        return sorted({method.verb for pattern, method in self._patterns if pattern.fullmatch(path)})


def variables_of(template: str) -> list[str]:
    """The names of its variables, as the fields of the request have them."""
    return _VARIABLE.findall(template)


def _compiled(template: str) -> re.Pattern[str]:
    parts = _VARIABLE.split(template)  # text, name, text, name, ..., text
    return re.compile("".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)))


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8")
