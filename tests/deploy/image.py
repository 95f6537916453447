"""The image without a container engine: the Dockerfile's own RUN and COPY lines, carried out in a folder.

Each stage is a folder that stands for its root. The base image is stood in for by a virtual environment at `usr/local`,
which has a python and a pip of its own as the official image has; absolute paths in a line become paths below the
stage's folder. `python -m tests.deploy.image FOLDER` builds it there.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_OURS = re.compile(r"(?<![\w.])/(opt|build|usr/local)(?=/|\s|$)")
"""What a line names of its stage's own file system; /usr/bin and the like are the machine's."""


@dataclass(slots=True)
class Stage:
    """One stage: its folder, and what its lines said of what runs in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    command: list[str] = field(default_factory=list)

    def real(self, text: str) -> str:
        """The text with the paths of the stage as they are on this machine."""
        return _OURS.sub(lambda found: f"{self.root}/{found[1]}", text)

    def path(self, inside: str) -> Path:
        """Where a path of the stage is on this machine."""
        return self.root / inside.lstrip("/")

    def environment(self) -> dict[str, str]:
        """The environment of its processes: what ENV said, or what the base image has."""
        said = {name: self.real(value) for name, value in self.environ.items()}
        return {"PATH": f"{self.root}/usr/local/bin:{os.defpath}", "HOME": str(self.root), **said}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile and what they say, continued lines joined."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def build(folder: Path, outside: Mapping[str, str]) -> Stage:
    """Carry out every line, the stages below the folder; answers the last one. `outside` is what a build passes on."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for word, said in instructions(DOCKERFILE.read_text(encoding="utf-8")):
        match word:
            case "ARG":
                pass
            case "FROM":
                name = said.partition(" AS ")[2] or str(len(stages))
                stage = stages[name] = Stage(folder / name)
                _base(stage)
            case "COPY":
                _copy(stage, stages, shlex.split(said))
            case "RUN":
                _run(stage, said, outside)
            case "ENV":
                stage.environ |= dict(pair.split("=", 1) for pair in shlex.split(said))
            case "WORKDIR":
                stage.workdir = said
                stage.path(said).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = said
            case "ENTRYPOINT" | "CMD":
                stage.command += json.loads(said)
            case "STOPSIGNAL":
                pass
            case _:
                raise ValueError(f"this builder does not know {word}")
    return stage


def _base(stage: Stage) -> None:
    stage.root.mkdir(parents=True)
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([sys.executable, "-m", "venv", str(stage.root / "usr" / "local")], check=True, env=plain)


def _run(stage: Stage, line: str, outside: Mapping[str, str]) -> None:
    environ = {**outside, **stage.environment()}
    done = subprocess.run(
        ["sh", "-euc", stage.real(line)], cwd=stage.path(stage.workdir), env=environ, capture_output=True, text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"RUN {line}\n{done.stdout}{done.stderr}")


def _copy(stage: Stage, stages: Mapping[str, Stage], words: list[str]) -> None:
    source, target = words[-2:]
    from_stage = words[0].removeprefix("--from=") if words[0].startswith("--from=") else ""
    origin = stages[from_stage].path(source) if from_stage else ROOT / source
    if not from_stage and not sent(source):
        raise FileNotFoundError(f"{source} is not sent to the builder: .dockerignore leaves it out")
    place = stage.path(target)
    place.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_file():
        shutil.copyfile(origin, place)
    else:
        left_out = None if from_stage else shutil.ignore_patterns("__pycache__")
        shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True, ignore=left_out)
    if from_stage:
        _moved(place, stages[from_stage].root, stage.root)


def _moved(place: Path, before: Path, after: Path) -> None:
    """Both stages are one path to an engine, and two here: links and scripts of the first name the second's."""
    for file in place.rglob("*"):
        if file.is_symlink() and os.readlink(file).startswith(str(before)):
            link = os.readlink(file).replace(str(before), str(after))
            file.unlink()
            file.symlink_to(link)
        elif file.name == "pyvenv.cfg":
            file.write_text(file.read_text().replace(str(before), str(after)))


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path of the checkout through; the last pattern that fits decides."""
    passes = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split():
        pattern = line.removeprefix("!")
        if path == pattern or path.startswith(f"{pattern}/") or fnmatch(path, pattern):
            passes = line.startswith("!")
    return passes


if __name__ == "__main__":
    made = build(Path(sys.argv[1]), os.environ)
    sys.stdout.write(f"{made.root}: {shlex.join(made.command)} as {made.user}\n")
