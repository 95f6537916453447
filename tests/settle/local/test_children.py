"""Processes of ours are recognised, stopped and ended by id, and nobody else's are."""

import os
import signal
import socket
import sys

from services.runtime.ground.settings import Settings
from services.runtime.rpc.server import HARD_EXIT_MARGIN_SECONDS
from settle.local import children, ports

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


def test_free_ports_are_different_and_free() -> None:
    """So many ports, none of them taken."""
    found = ports.free_ports(20)

    assert len(set(found)) == 20
    assert not any(ports.listening(port) for port in found)


def test_a_taken_port_is_seen() -> None:
    """Somebody listens there."""
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen()

        assert ports.listening(server.getsockname()[1])


def test_a_stale_process_is_ended_only_if_it_is_the_same_one() -> None:
    """A process id is used again: the time of its start tells."""
    child = children.start("sleeper", SLEEPER)
    began = children.started_at(child.pid)

    assert not children.end_stale(child.pid, "1")
    assert child.running
    assert children.end_stale(child.pid, began)
    assert child.process.wait(5) == -signal.SIGTERM


def test_a_stopped_process_can_still_be_ended() -> None:
    """A paused process gets its signal too."""
    child = children.start("sleeper", SLEEPER)
    child.send(signal.SIGSTOP)

    child.stop(5)

    assert not child.running


def test_nothing_runs_under_an_id_that_nobody_has() -> None:
    """Zombies and absent processes are not alive."""
    child = children.start("gone", [sys.executable, "-c", ""])
    child.process.wait(10)

    assert children.started_at(child.pid) == ""
    assert not children.alive(child.pid, children.started_at(os.getpid()))


def test_a_service_is_given_the_time_that_it_takes_to_stop() -> None:
    """Killed before, it says nothing of what it waited for."""
    assert Settings("order").drain_seconds + HARD_EXIT_MARGIN_SECONDS < children.STOP_SECONDS
