"""A secret is handed on and compared, and shown by nothing but `reveal`."""

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from services.kernel.secret import SHOWN, Secret

CANARY = "CANARY-7c1f"
KEPT = Secret(CANARY)


@dataclass(frozen=True)
class Holder:
    """Anything with a secret in it."""

    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        str(KEPT), repr(KEPT), f"{KEPT}", f"{KEPT!r:>20}", f"{KEPT:>20}", repr(Holder(KEPT)),
        repr([KEPT, {"a": KEPT}]), str(ValueError(KEPT)), "".join(traceback.format_exception(ValueError(KEPT))),
    ],
)
def test_it_is_never_shown(shown: str) -> None:
    """Whatever prints it, alone or in something."""
    assert CANARY not in shown
    assert SHOWN in shown


def test_a_log_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    """Neither as an argument nor in an error."""
    try:
        raise ValueError(KEPT)
    except ValueError:
        logging.getLogger("any").exception("%s and %r", KEPT, Holder(KEPT))

    assert caplog.records
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "write",
    [
        pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, list, hash,
        vars, lambda secret: secret.__getstate__(), lambda secret: secret.__dict__,
    ],
)
def test_it_is_written_nowhere(write: Any) -> None:  # Any: takes anything
    """Who tries is refused, and not told."""
    with pytest.raises((TypeError, AttributeError)) as refused:
        write(KEPT)

    assert CANARY not in str(refused.value)


def test_it_is_revealed_where_somebody_says_so() -> None:
    """And compared by its text."""
    assert KEPT.reveal() == CANARY
    assert (Secret("a") == Secret("a"), Secret("a") == Secret("b"), Secret("a") == "a") == (True, False, False)
    assert (bool(Secret("")), bool(KEPT)) == (False, True)


def test_it_never_changes() -> None:
    """Nobody puts another text in."""
    with pytest.raises(AttributeError):
        KEPT._text = "x"
