"""The stack whose chosen services run under the sampler."""

from collections.abc import Callable
from pathlib import Path

from settle.bench.options import Options
from settle.local.stack import LocalStack

SAMPLER = "settle.bench.profiling"
"""The module that is started in the place of the service's own."""


class ProfiledStack(LocalStack):
    """A stack on the system clock; on the manual one for a night of statements."""

    def __init__(self, data: Path, options: Options, say: Callable[[str], None]) -> None:
        environ = {"SETTLE_PROFILE_DIR": str(options.profile_folder.resolve())} if options.profile_folder else {}
        clock = "manual" if options.statements else "system"
        super().__init__(data, options.broker, clock, processes=options.processes, say=say, environ=environ)
        self._profiled = options.profile

    def _seat_all(self) -> None:
        super()._seat_all()
        for seat in [seat for name, seat in self.seats.items() if name.partition("-")[0] in self._profiled]:
            seat.environ = dict(seat.environ) | {"SETTLE_PROFILE_MODULE": seat.module}
            seat.module = SAMPLER
