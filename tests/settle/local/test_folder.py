"""One lock per data folder: who holds it is told, nobody else gets in, and death frees it (F8, F9)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from settle.local import children
from settle.local import folder as folders
from settle.local.endpoints import write_endpoints
from settle.local.refusals import AlreadyRunning, WrongFolder
from tests.settle.local.conftest import Until

ROOT = Path(__file__).resolve().parents[3]
TAKE = """import sys
from pathlib import Path
from settle.local import folder
from settle.local.refusals import CannotRun
sys.stdin.readline()
try:
    claim = folder.claim(Path(sys.argv[1]))
except CannotRun as error:
    print("refused", error, flush=True)
else:
    print("held", flush=True)
    sys.stdin.readline()
"""


def taker(data: Path) -> "subprocess.Popen[str]":
    """A process that takes the folder when it gets a line, and keeps it until the next."""
    command = [sys.executable, "-c", TAKE, str(data)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def said(process: "subprocess.Popen[str]") -> str:
    """Its next line."""
    assert process.stdout is not None
    return process.stdout.readline()


def go_on(process: "subprocess.Popen[str]") -> None:
    """Give it a line."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_of_many_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    """Two starts at once both failed: nothing stood between the look and the start."""
    takers = [taker(tmp_path / "data") for _ in range(8)]
    try:
        for process in takers:
            go_on(process)
        answers = [said(process) for process in takers]

        winner = next(process for process, answer in zip(takers, answers, strict=True) if answer == "held\n")
        lost = f"refused the engine runs already (process {winner.pid}); `settle down` stops it\n"
        assert sorted(answers) == ["held\n", *[lost] * 7]
    finally:
        for process in takers:
            process.kill()
            process.communicate()


def test_the_death_of_the_holder_frees_the_folder(tmp_path: Path, until: Until) -> None:
    """Also by SIGKILL: the kernel lets go of it, no file has to be removed."""
    process = taker(tmp_path)
    go_on(process)
    assert said(process) == "held\n"
    held = folders.holder(tmp_path)
    assert held is not None
    assert (held.pid, held.alive) == (process.pid, True)

    process.send_signal(signal.SIGKILL)
    process.communicate()

    until(lambda: folders.holder(tmp_path) is None, 5.0)
    folders.claim(tmp_path).release()


def test_a_folder_is_held_until_it_is_let_go_also_against_ourselves(tmp_path: Path) -> None:
    """Two stacks in one process are two holders; the refusal names what the holder does."""
    first = folders.claim(tmp_path, "`settle verify`")

    with pytest.raises(AlreadyRunning, match=rf"`settle verify` uses .* now \(process {os.getpid()}\)"):
        folders.claim(tmp_path)
    first.release()
    first.release()

    assert folders.holder(tmp_path) is None
    folders.claim(tmp_path).release()


def test_whoever_only_looks_disturbs_nobody(tmp_path: Path) -> None:
    """`status` in a loop does not make a start fail."""
    imports = "import sys\nfrom pathlib import Path\nfrom settle.local import folder"
    code = f"{imports}\nwhile True: folder.holder(Path(sys.argv[1]))"
    folders.claim(tmp_path).release()
    looker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    try:
        for _ in range(300):
            folders.claim(tmp_path).release()
    finally:
        looker.kill()
        looker.wait()


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    """What a killed run left behind does not keep the folder: the next start ends it."""
    claim = folders.claim(tmp_path)
    child = children.start("sleeper", ["sleep", "60"])
    try:
        claim.release()

        folders.claim(tmp_path).release()
        assert child.running
    finally:
        child.kill()


@pytest.mark.parametrize("name", ["endpoints.json", "engine.lock", "logs", "up.log"])
def test_a_folder_with_traces_of_ours_is_ours(tmp_path: Path, name: str) -> None:
    """A new start goes on where the last one ended, or failed."""
    (tmp_path / name).touch()
    (tmp_path / ("engine.lock" if name.startswith("engine") else ".gitignore")).touch()

    folders.claim(tmp_path).release()


@pytest.mark.parametrize("other", ["postgres", "notes.txt", ".bashrc"])
def test_a_folder_with_other_things_is_refused_and_stays_as_it_was(tmp_path: Path, other: str) -> None:
    """A folder `postgres` of somebody was deleted for the server's data; now nothing is written beside other things."""
    (tmp_path / other).mkdir()
    (tmp_path / other / "kept").write_text("kept")

    with pytest.raises(WrongFolder, match=rf"holds other things \({other}\)"):
        folders.claim(tmp_path)

    assert sorted(file.name for file in tmp_path.rglob("*")) == sorted([other, "kept"])


@pytest.mark.needs_root
def test_another_users_engine_is_left_to_that_user(tmp_path: Path) -> None:
    """Root could write there, and what it writes its owner could not read."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    write_endpoints(tmp_path, {"pid": 0})
    os.chown(tmp_path / "endpoints.json", *children.nobody())

    with pytest.raises(WrongFolder, match="holds the engine of nobody; run it as that user"):
        folders.claim(tmp_path)

    assert not (tmp_path / "engine.lock").exists()


@pytest.mark.needs_root
def test_a_folder_that_cannot_be_written_is_refused(folder: Path) -> None:
    """Or made: the line says which and why."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.seteuid(children.nobody()[0])
    try:
        for closed in (folder, folder / "new"):
            with pytest.raises(
                WrongFolder, match=r"cannot be used for data: Permission denied \(.*\); choose another --data"
            ):
                folders.claim(closed)
    finally:
        os.seteuid(0)


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    """No traceback of the path's own."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    for use in (folders.resolved, folders.exists, folders.claim):
        with pytest.raises(WrongFolder):
            use(tmp_path / "circle")


@pytest.mark.parametrize("said", ["pipe", "[" * 100_000, '{"what": "x", "pid": 1e400, "began": "x"}', "{"], ids=len)
def test_a_lock_that_somebody_wrote_is_held_by_nobody(tmp_path: Path, said: str) -> None:
    """Whatever it says; it was a traceback, and a pipe of its name was waited for without end."""
    lock = tmp_path / folders.LOCK
    os.mkfifo(lock) if said == "pipe" else lock.write_text(said)

    assert folders.holder(tmp_path) is None
