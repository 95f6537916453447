"""The checkout that this code lies in, where it was not installed as a package."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def find() -> Path | None:
    """The project's folder, with its tests and tools; None where only the package is installed."""
    return _ROOT if (_ROOT / "pyproject.toml").exists() else None
