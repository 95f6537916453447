"""A wire to PostgreSQL that can be made slow: every service of the fire speaks to its database through it."""

import asyncio
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from settle.local.postgres import PORT
from settle.local.stack import LocalStack

CHUNK_BYTES = 65_536


class SlowWire:
    """Passes bytes on, each chunk after `delay_seconds`; in a thread of its own, until `close`."""

    def __init__(self, host: str, port: int) -> None:
        self.delay_seconds = 0.0
        self._there = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        serving = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cut what is connected; nothing of it is left, neither its loop nor a socket."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _cut(self) -> None:
        self._server.close()
        connected = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connected:
            task.cancel()
        await asyncio.gather(*connected, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._there)
        except OSError:  # as if nobody listened
            await _closed(writer)
            return
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while chunk := await reader.read(CHUNK_BYTES):
                    if self.delay_seconds:
                        await asyncio.sleep(self.delay_seconds)
                    writer.write(chunk)
                    await writer.drain()
        finally:
            await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """What was written still goes out, unless the other side is gone."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class WiredStack(LocalStack):
    """The engine with a slow wire between its services and PostgreSQL."""

    wire: SlowWire

    def _seat_all(self) -> None:
        super()._seat_all()
        server = urlsplit(self.postgres.dsn)
        self.wire = SlowWire(server.hostname or "127.0.0.1", server.port or PORT)
        for seat in self.seats.values():
            if "SETTLE_DSN" in seat.environ:
                dsn = urlsplit(str(seat.environ["SETTLE_DSN"]))
                login = dsn.netloc.rpartition("@")[0]
                wired = dsn._replace(netloc=f"{login}@127.0.0.1:{self.wire.port}")
                seat.environ = dict(seat.environ) | {"SETTLE_DSN": wired.geturl()}

    def stop(self) -> None:
        """The engine, then its wire."""
        super().stop()
        if hasattr(self, "wire"):
            self.wire.close()
