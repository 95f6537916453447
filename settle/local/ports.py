"""Free loopback ports, picked up front so that every process can be told where the others will be."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
PORT_MIN = 12_000
TRIES_MAX = 2_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on now.

    They lie below the range from which the kernel numbers outgoing connections, where it can be read: a client that
    reconnects to a port of that range while its server is away may be given that very port, and then nobody can listen.
    """
    probes: list[socket.socket] = []
    try:
        for wanted in _candidates():
            if len(probes) == count:
                break
            probe = socket.socket()
            try:
                probe.bind((HOST, wanted))
            except OSError:
                probe.close()
            else:
                probes.append(probe)
        if len(probes) < count:
            raise OSError(f"no {count} free ports on {HOST}")
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _candidates() -> Iterator[int]:
    """Random ports below the outgoing range, then whatever the kernel gives (0)."""
    try:
        low = int(_OUTGOING.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        low = 0
    if low - PORT_MIN > TRIES_MAX:
        yield from random.sample(range(PORT_MIN, low), TRIES_MAX)
    yield from [0] * TRIES_MAX


def free(port: int) -> bool:
    """Whether one could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
