"""The endpoints file tells the truth, whole, and a second start on the same data is refused."""

import os
import stat
from pathlib import Path

import pytest

from settle.local import children
from settle.local.endpoints import read_endpoints, serving, write_endpoints
from settle.local.refusals import AlreadyRunning
from settle.local.stack import LocalStack


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """And nothing is left of the writing."""
    write_endpoints(tmp_path, {"pid": 1})

    assert read_endpoints(tmp_path) == {"pid": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["endpoints.json"]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """A DSN may hold a password; a file that was open to others is closed by the next write."""
    (tmp_path / "endpoints.json").write_text("{}")
    (tmp_path / "endpoints.json").chmod(0o644)

    write_endpoints(tmp_path, {"services": {"order": {"target": "t", "dsn": "postgresql://me:secret@there/x"}}})

    assert stat.S_IMODE((tmp_path / "endpoints.json").stat().st_mode) == 0o600


def test_a_missing_or_broken_file_says_nothing(tmp_path: Path) -> None:
    """Nobody fails over what somebody else left."""
    assert read_endpoints(tmp_path) is None
    (tmp_path / "endpoints.json").write_text("{")

    assert read_endpoints(tmp_path) is None


def test_a_second_start_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """The engine whose supervisor lives is left alone; the message says how to stop it."""
    parent = os.getppid()
    write_endpoints(tmp_path, {"pid": parent, "began": children.started_at(parent), "processes": []})

    with pytest.raises(AlreadyRunning, match="`settle down` stops it"):
        LocalStack(tmp_path).start()


def test_nobody_serves_where_nobody_listens() -> None:
    """No answer is no."""
    assert not serving("127.0.0.1:1", 0.5)
