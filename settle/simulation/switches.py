"""What operators of one service have stopped: the rules are the runtime's own, the one fact is kept here."""

from datetime import datetime

from services.runtime.stored.switches import Switch, all_stopped, approved, proposed

WHY = "something is wrong, or is not any more"


class Switches:
    """The switches of a service. `stopped` is what a decision reads with its instant."""

    def __init__(self) -> None:
        self._switches: dict[str, Switch] = {}
        self.stopped: frozenset[str] = frozenset()

    def propose(self, name: str, stopped: bool, operator: str) -> None:
        """One person wants it to be so."""
        self._switches[name] = proposed(self._of(name), stopped, operator, WHY)

    def approve(self, name: str, stopped: bool, operator: str, now: datetime) -> None:
        """Another one makes it so; raises what the rules refuse."""
        self._switches[name] = switch = approved(self._of(name), stopped, operator, now)
        self.stopped = all_stopped(self.stopped, switch)

    def _of(self, name: str) -> Switch:
        return self._switches.get(name, Switch(name))
