"""Apache Kafka's own jars, fetched once by Maven into the user's cache folder; and how to run Java on them."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from settle.local.refusals import NoBroker

KAFKA_VERSION = "4.1.1"
JAVA_MIN = 17
FETCH_SECONDS_MAX = 600
_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-core", "2.24.3"),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
)
_JVM = (
    "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
    "-XX:MaxDirectMemorySize=64m",
)


def why_not_kafka() -> str:
    """Why Apache Kafka cannot be started here; empty if it can."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing and not (missing == ["mvn"] and _cached()):
        return f"{' and '.join(missing)} not found"
    try:
        answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        return f"java does not run: {error}"
    major = answer.partition('"')[2].partition(".")[0].partition('"')[0]
    if major.isdigit() and int(major) >= JAVA_MIN:
        return ""
    return f"Java {JAVA_MIN} or newer is needed, found {major or 'none'}"


def libraries() -> Path:
    """The folder of jars, fetched if need be; raises `NoBroker` with Maven's own words."""
    if not _cached():
        _fetch(_cache())
    return _cache() / "libs"


def java(jars: Path, *arguments: str) -> list[str]:
    """The command that runs a class of the jars."""
    return ["java", *_JVM, "-cp", f"{jars}/*", *arguments]


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "settle" / f"kafka-{KAFKA_VERSION}"


def _cached() -> bool:
    return (_cache() / "complete").exists()


def _fetch(cache: Path) -> None:
    """Beside its place and then renamed, so that two starts at once, or one that is killed, leave no half of it."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="kafka-part-", dir=cache.parent))
    try:
        (part / "pom.xml").write_text(_pom(), encoding="utf-8")
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs")
        command = ["mvn", "-q", "-B", *goal]
        done = subprocess.run(command, cwd=part, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS_MAX)
        if done.returncode:
            raise NoBroker(f"Maven could not fetch Kafka {KAFKA_VERSION}: {done.stdout.strip()[-300:]}")
        (part / "complete").touch()
        if not _cached():
            shutil.rmtree(cache, ignore_errors=True)
            part.rename(cache)
    except (OSError, subprocess.TimeoutExpired) as error:
        if not _cached():
            raise NoBroker(f"Kafka {KAFKA_VERSION} could not be fetched: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _pom() -> str:
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in _ARTIFACTS
    )
    head = (
        "<modelVersion>4.0.0</modelVersion><groupId>settle</groupId><artifactId>broker</artifactId>"
        "<version>1</version>"
    )
    return f"<project>{head}<dependencies>{wanted}</dependencies></project>\n"
