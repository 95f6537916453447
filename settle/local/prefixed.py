"""What a process prints: kept in its own file, and on request shown with the process's name before each line."""

import os
import sys
import threading
from pathlib import Path
from typing import IO

LOG_BYTES_MAX = 64 * 1024 * 1024
FINISH_SECONDS = 2.0
SHOWN_BYTES = 8_192
LINE_SHOWN_MAX = 400


def last_line(log: Path, *words: str) -> str:
    """`: ` and the last line of a log, the last one with such a word if there is one; empty if it says nothing."""
    try:
        with open(log, "rb") as kept:
            kept.seek(max(0, log.stat().st_size - SHOWN_BYTES))
            lines = [line.strip() for line in kept.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    chosen = [line for line in lines if any(word in line for word in words)] or lines
    return f": {chosen[-1][:LINE_SHOWN_MAX]}" if chosen else ""


class Pipe:
    """Hand `writer` to the process, call `begin` after it started; the copying ends with the process."""

    def __init__(self, name: str, file: Path, echo: bool) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LOG_BYTES_MAX:
            file.replace(file.with_suffix(".log.1"))
        self._name = name
        self._file = file
        self._copier: threading.Thread | None = None
        self.writer: IO[bytes]
        if echo:
            reader, writer = os.pipe()
            self.writer = os.fdopen(writer, "wb")
            self._copier = threading.Thread(target=self._copy, args=(reader,), daemon=True)
        else:
            self.writer = file.open("ab")  # closed by `begin`

    def begin(self) -> None:
        """The process has its own end now (or never came to be): close ours, begin to copy."""
        self.writer.close()
        if self._copier is not None:
            self._copier.start()

    def finish(self) -> None:
        """After the process ended: wait for its last lines."""
        if self._copier is not None:
            self._copier.join(FINISH_SECONDS)

    def _copy(self, reader: int) -> None:
        with os.fdopen(reader, "rb") as lines, open(self._file, "ab", buffering=0) as kept:
            for line in lines:
                kept.write(line)
                sys.stderr.write(f"{self._name:>16} | {line.decode(errors='replace')}")
