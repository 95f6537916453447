"""Plants a bug in a copy of the checkout, and takes it out again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.contributing.scratch import Scratch
from tests.mutations.mutant import Mutant


class Garden:
    """A copy in which one bug after the other grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = Scratch(folder).folder
        self._seconds = count(1)

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[Path]:
        """The copy with this bug, for a while."""
        file = self.folder / mutant.path
        clean = file.read_text()
        self._write(file, mutant.planted(clean))
        try:
            yield self.folder
        finally:
            self._write(file, clean)

    def _write(self, file: Path, source: str) -> None:
        """Python takes a compiled file for current by size and second of its source, so each writing has its own."""
        file.write_text(source)
        os.utime(file, (next(self._seconds),) * 2)
