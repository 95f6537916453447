"""The wire itself: it passes on what comes, and leaves nothing open."""

import asyncio
import gc
import socket
import warnings

from tests.end_to_end.fire.slow_wire import SlowWire


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(100):
        writer.write(chunk)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_a_wire_that_is_closed_leaves_neither_its_loop_nor_a_socket() -> None:
    """With a connection under way and one that found nobody: the run ended with warnings of them beside its failure."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    wire = SlowWire("127.0.0.1", server.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        await asyncio.to_thread(wire.close)
        loop = wire._loop
        del wire
        gc.collect()

    assert loop.is_closed()
    assert await reader.read() == b""
    assert [str(one.message) for one in seen if one.category is ResourceWarning] == []
    writer.close()
    server.close()
    await server.wait_closed()


async def test_a_wire_to_nobody_ends_what_is_connected() -> None:
    """As if nobody listened."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wire = SlowWire("127.0.0.1", free.getsockname()[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)

        assert await reader.read() == b""

        writer.close()
        await asyncio.to_thread(wire.close)
