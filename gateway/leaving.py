"""The end of a gateway: each connection goes with its next answer, and who watches hears that it may come again.

A connection that is closed between two calls is a call that fails, if its caller sends it just then.
"""

import asyncio
import socket

import uvicorn

LEAVING_SECONDS = 0.5
"""So long connections that are in use may end with an answer; a service mesh or a proxy has more time before it."""
LOOK_SECONDS = 0.02


class LeavingServer(uvicorn.Server):
    """A server that says so, by `leaving`, before it closes what is still open."""

    def __init__(self, config: uvicorn.Config, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let connections end by themselves, then end the others."""
        self._leaving.set()
        for _ in range(round(LEAVING_SECONDS / LOOK_SECONDS)):
            if not self.server_state.connections:
                break
            await asyncio.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)
