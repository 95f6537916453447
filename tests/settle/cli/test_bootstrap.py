"""The way from a bare Python to the command: what counts as installed, and which uv is good enough."""

import os
import runpy
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
FORBIDDEN = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "http://", "https://", "file://")


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The bootstrap's own functions, with an environment of its own that does not exist yet."""
    monkeypatch.setenv("SETTLE_VENV", str(tmp_path / "an environment"))
    return runpy.run_path(str(ROOT / "bin" / "bootstrap.py"))


def test_nothing_is_satisfied_before_the_first_start(bootstrap: dict[str, Any]) -> None:
    """No stamp, no environment."""
    assert not bootstrap["satisfied"]("local")


def test_the_development_lock_satisfies_the_demo_but_not_the_other_way(bootstrap: dict[str, Any]) -> None:
    """It is a superset: `demo` after `test` installs nothing."""
    bootstrap["VENV"].mkdir()
    bootstrap["STAMP"].write_text(bootstrap["digest"]("dev"))
    assert bootstrap["satisfied"]("local")

    bootstrap["STAMP"].write_text(bootstrap["digest"]("local"))

    assert bootstrap["satisfied"]("local")
    assert not bootstrap["satisfied"]("dev")


@pytest.mark.parametrize("said", ["", "local of before", "dev of before"])
def test_what_the_tests_need_is_not_taken_away(bootstrap: dict[str, Any], said: str) -> None:
    """Whoever installed it, by `settle test` or by hand: `settle up` brings the environment up to the larger lock."""
    bootstrap["SCRIPTS"].mkdir(parents=True)
    (bootstrap["VENV"] / "pyvenv.cfg").touch()
    (bootstrap["SCRIPTS"] / "pytest").touch()
    bootstrap["STAMP"].write_text(said)
    installed: list[str] = []
    bootstrap["prepare"].__globals__.update(find_uv=lambda: None, with_pip=installed.append)

    bootstrap["prepare"]("local")

    assert [Path(lock).name for lock in installed] == ["dev.lock"]
    assert bootstrap["satisfied"]("dev")


def test_an_environment_from_another_place_is_made_anew(bootstrap: dict[str, Any]) -> None:
    """Its scripts name the old path; one that was only updated is kept."""
    bootstrap["VENV"].mkdir()
    here = bootstrap["digest"]("local")

    for said, foreign in ((here, False), (here + " moved", True), (here.replace("local ", "dev "), False)):
        bootstrap["STAMP"].write_text(said)

        assert bootstrap["foreign"]() is foreign


def test_another_command_in_pyproject_is_installed_anew(bootstrap: dict[str, Any], tmp_path: Path) -> None:
    """The lock may be the same: an environment's `settle` names the module that it was made for."""
    project = tmp_path / "project"
    (project / "requirements").mkdir(parents=True)
    (project / "requirements" / "local.lock").write_text("")
    digest, said = bootstrap["digest"], []
    digest.__globals__["ROOT"] = project

    for command, lines in (("one:main", 88), ("one:main", 120), ("other:main", 120)):
        (project / "pyproject.toml").write_text(
            f'[project]\nscripts.settle = "{command}"\n[tool.hatch]\n[tool.ruff]\nline-length = {lines}\n'
        )
        said.append(digest("local"))

    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize(
    ("answer", "enough"), [("uv 0.13.9", True), ("uv 0.20.0 (abc)", True), ("uv 0.9.30", False), ("", False)]
)
def test_a_uv_that_is_new_enough_is_taken(bootstrap: dict[str, Any], tmp_path: Path, answer: str, enough: bool) -> None:
    """Versions are compared as numbers."""
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    assert bootstrap["new_enough"](str(program)) is enough


def test_uv_takes_packages_from_where_pip_does(
    bootstrap: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv reads none of pip's settings. The environment is nearer than a file, and uv's own settings are the nearest."""
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = a\nextra-index-url =\n    b\n    c\n[install]\ntrusted-host = d\n")
    for name in bootstrap["UV_NAMES"].values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))

    found = bootstrap["uv_environment"]()

    assert (found["UV_DEFAULT_INDEX"], found["UV_INDEX"], found["UV_INSECURE_HOST"]) == ("a", "b c", "d")

    monkeypatch.setenv("PIP_INDEX_URL", "e")
    assert bootstrap["uv_environment"]()["UV_DEFAULT_INDEX"] == "e"

    monkeypatch.setenv("UV_DEFAULT_INDEX", "f")
    assert bootstrap["uv_environment"]()["UV_DEFAULT_INDEX"] == "f"


def test_where_uv_fails_pip_installs(
    bootstrap: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror may know only pip; the stamp is written once the lock is installed."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\nexit 2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    bootstrap["VENV"].mkdir()
    installed: list[str] = []
    inside = bootstrap["prepare"].__globals__
    monkeypatch.setitem(inside, "find_uv", lambda: str(program))
    monkeypatch.setitem(inside, "with_pip", installed.append)

    bootstrap["prepare"]("local")

    assert [Path(lock).name for lock in installed] == ["local.lock"]
    assert bootstrap["satisfied"]("local")


@pytest.mark.parametrize("lock", ["run", "local", "dev"])
def test_locks_name_hashes_and_no_address(lock: str) -> None:
    """Where packages come from is the user's own setting."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()

    assert [word for word in FORBIDDEN if word in text] == []
    pins = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert len(pins) > 20
    assert all(line.endswith("\\") for line in pins)


def test_the_development_lock_holds_all_of_the_others() -> None:
    """Or `demo` after `test` would miss something."""

    def pins(lock: str) -> set[str]:
        text = (ROOT / "requirements" / f"{lock}.lock").read_text()
        return {line.split(" ")[0] for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))}

    assert pins("run") <= pins("local") <= pins("dev")


@pytest.mark.parametrize(("place", "why"), [
    ("file", "File exists"), ("file/below", "Not a directory"), ("home", "holds other things and no environment"),
])
def test_an_environment_that_cannot_be_made_is_one_line(tmp_path: Path, place: str, why: str) -> None:
    """At once, not after two tools have failed; a folder with other things was cleared where there was no uv."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters").write_text("kept")
    environ = os.environ | {"SETTLE_VENV": str(tmp_path / place)}

    done = subprocess.run(
        [str(ROOT / "bin" / "settle"), "status"], capture_output=True, text=True, check=False, env=environ
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"settle: {tmp_path / place}")
    assert why in done.stderr
    assert [file.read_text() for file in (tmp_path / "file", tmp_path / "home" / "letters")] == ["kept", "kept"]


def test_a_python_that_was_asked_for_is_not_replaced() -> None:
    """One that is none, or too old, is said to be."""
    environ = os.environ | {"SETTLE_PYTHON": "nonsense"}

    done = subprocess.run(
        [str(ROOT / "bin" / "settle"), "status"], capture_output=True, text=True, check=False, env=environ
    )

    assert (done.returncode, done.stderr) == (2, "settle: SETTLE_PYTHON=nonsense is no Python 3.11 or newer\n")


def _python(folder: Path, name: str, fits: str) -> None:
    """A Python that fits as one of these kinds, and tells by whom the bootstrap was run."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = -c ]; then case " {fits} " in *" $3 "*) exit 0;; esac; exit 1; fi\n'
        f'shift; echo "{folder.name}/{name}" "$@"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(("pythons", "chosen"), [
    ([("a", "python3.11", "any"), ("b", "python3.11", "any profiled")], "b/python3.11"),
    ([("a", "python3.13", "any"), ("b", "python3.12", "any profiled"), ("b", "python", "profiled")], "b/python3.12"),
    ([("a", "python3.11", "any"), ("b", "python3.13", "any")], "b/python3.13"),
    ([("a", "python3.13", ""), ("b", "python3", "any")], "b/python3"),
    ([("made", "python", "any"), ("a", "python3.13", "any profiled")], "made/python"),
    ([("made", "python", ""), ("a", "python3.13", "any profiled")], "a/python3.13"),
])
def test_the_python_of_the_environment_goes_first_and_then_the_fastest(
    tmp_path: Path, pythons: list[tuple[str, str, str]], chosen: str
) -> None:
    """Only the first of a name on the PATH was looked at: a shim of a slow build hid the distribution's own."""
    for folder, name, fits in pythons:
        _python(tmp_path / folder, name, fits)
    if (tmp_path / "made").exists():
        (tmp_path / "venv" / "bin").mkdir(parents=True)
        (tmp_path / "venv" / "bin" / "python").symlink_to(tmp_path / "made" / "python")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "readlink"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    path = os.pathsep.join(str(tmp_path / folder) for folder in ("tools", "a", "b"))

    done = subprocess.run(
        [str(ROOT / "bin" / "settle"), "a word", ""], capture_output=True, text=True, check=True,
        env={"PATH": path, "SETTLE_VENV": str(tmp_path / "venv")},
    )

    assert done.stdout == f"{chosen} a word \n"
