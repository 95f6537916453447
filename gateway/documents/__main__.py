"""Write docs/events.md: `python -m gateway.documents`."""

from pathlib import Path

from gateway.documents.events import catalogue

CATALOGUE = Path(__file__).resolve().parents[2] / "docs" / "events.md"

if __name__ == "__main__":
    CATALOGUE.write_text(catalogue(), encoding="utf-8")
