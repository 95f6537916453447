"""What the caller of a command has seen, as gRPC metadata: `seen: ord_1 7`, the thing's id and its version.

The command is refused with STALE_VERSION where the thing is not at that version when it is decided, under its lock.
"""

import re
from collections.abc import Iterable

from services.kernel.errors import InvalidArgument
from services.kernel.messages import Seen

NAME = "seen"
_FORM = re.compile(r"([\x21-\x7e]{1,128}) (0|[1-9][0-9]{0,17})", re.ASCII)


def seen_in(metadata: Iterable[tuple[str, str | bytes]] | None) -> Seen | None:
    """What the metadata of a call says; None where it says nothing. Of two nobody knows which was meant."""
    said = [text for name, text in metadata or () if name == NAME]
    if not said:
        return None
    text = said[0]
    found = _FORM.fullmatch(text) if isinstance(text, str) and len(said) == 1 else None
    if found is None:
        raise InvalidArgument("INVALID_ARGUMENT", f"the metadata `{NAME}` must be one id and its version: ord_1 7")
    return Seen(found[1], int(found[2]))


def as_metadata(key: str, version: str) -> tuple[tuple[str, str], ...]:
    """The metadata that says so; none where there can be no such thing."""
    text = f"{key} {version}"
    return ((NAME, text),) if _FORM.fullmatch(text) else ()
