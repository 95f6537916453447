"""The mark of the last clean run: what was looked at by then, signed, so that nobody shortens the next run unseen.

The key lies beside the mark and is its owner's alone (0600). Whoever can read it can sign; against that one, and
against what is written beneath PostgreSQL, only `settle verify --full` helps.
"""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from settle.audit.changed import Place

FOLDER = "audit"
KEY_BYTES = 32
_MARK, _KEY = "mark.json", "key"


class NoMark(Exception):
    """There is no mark that can be trusted; it says why, and everything is looked at."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the databases stood at the last clean run, what was promised, and when everything was looked at last."""

    places: Mapping[str, Place]
    promises: str
    full_at: str


def digest_of(promises: list[str]) -> str:
    """What was promised: a run with other checks looks at everything."""
    return sha256("\n".join(sorted(promises)).encode()).hexdigest()


def read(data: Path, promises: str) -> Mark:
    """The mark of the engine in this data folder; raises `NoMark`."""
    file = data / FOLDER / _MARK
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        text, signature = str(said["mark"]), str(said["signature"])
    except FileNotFoundError:
        raise NoMark("it is the first run") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoMark("the mark of the last clean run cannot be read") from error
    if not hmac.compare_digest(_signed(_key(data), text), signature):
        raise NoMark("the mark of the last clean run was altered")
    kept = json.loads(text)
    if kept["promises"] != promises:
        raise NoMark("the promises are not those of the last clean run")
    places = {service: Place(**place) for service, place in kept["places"].items()}
    return Mark(places, kept["promises"], kept["full_at"])


def write(data: Path, mark: Mark) -> None:
    """Sign and keep the mark of a clean run."""
    text = json.dumps(asdict(mark), sort_keys=True)
    write_own(data / FOLDER / _MARK, json.dumps({"mark": text, "signature": _signed(_key(data), text)}))


def write_own(file: Path, text: str) -> None:
    """Replace a file as a whole; only its owner reads it."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f"{file.name}.", delete=False) as part:
        part.write(text)
    Path(part.name).replace(file)


def _key(data: Path) -> bytes:
    file = data / FOLDER / _KEY
    file.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    with os.fdopen(descriptor, "wb") as kept:
        kept.write(secrets.token_bytes(KEY_BYTES))
    return file.read_bytes()


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), sha256).hexdigest()
