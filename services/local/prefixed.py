"""What a process prints: kept in its own file, and on request shown with the process's name before each line."""

import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Self

LOG_BYTES_MAX = 64 * 1024 * 1024


class Pipe:
    """Hand `writer` to the process, call `started` after it began; the copying ends with the process."""

    def __init__(self, name: str, file: Path, echo: bool) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LOG_BYTES_MAX:
            file.replace(file.with_suffix(".log.1"))
        self._name = name
        self._file = file
        self._echo = echo
        self._copier: threading.Thread | None = None
        self.writer: IO[bytes]

    def __enter__(self) -> Self:
        if self._echo:
            reader, writer = os.pipe()
            self.writer = os.fdopen(writer, "wb")
            self._copier = threading.Thread(target=self._copy, args=(reader,), daemon=True)
        else:
            self.writer = open(self._file, "ab")
        return self

    def started(self) -> None:
        """The process has its own end now: close ours, begin to copy."""
        self.writer.close()
        if self._copier is not None:
            self._copier.start()

    def _copy(self, reader: int) -> None:
        with os.fdopen(reader, "rb") as lines, open(self._file, "ab", buffering=0) as kept:
            for line in lines:
                kept.write(line)
                sys.stderr.write(f"{self._name:>16} | {line.decode(errors='replace')}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.writer.close()
        if self._copier is not None and self._copier.ident is not None:
            self._copier.join(2)
