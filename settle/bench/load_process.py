"""The load generator as the bench sees it: a process of its own, spoken to by lines."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from settle.local.endpoints import targets_of

Answer = dict[str, Any]  # Any: the values of a JSON object
STOP_SECONDS = 15


class LoadProcess:
    """Started at once; `stop` ends it."""

    def __init__(
        self, endpoints: Mapping[str, Any], file: Path, service: str = "order"  # Any: the values of a JSON file
    ) -> None:
        program = [sys.executable, "-P", "-m", "settle.bench.load"]
        target, bootstrap = targets_of(endpoints)[service], endpoints["broker"]["bootstrap"]
        known = json.dumps({"identity": endpoints["identity"]})
        command = [*program, target, bootstrap, str(file), known, service]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, command: str) -> Answer:
        """Send a command, wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return await asyncio.to_thread(self._answer)

    def _answer(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with status {self._process.wait(10)}")
        answer: Answer = json.loads(line)
        return answer

    def stop(self) -> None:
        """Close its input; it ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
