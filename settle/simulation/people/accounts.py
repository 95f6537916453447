"""The names of accounts: by its name an account has its moment of the hours after a midnight in which it is billed."""

from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from services.credit_ledger.domain.statements.cut import SPREAD_SECONDS
from services.kernel.ids import partition_of

if TYPE_CHECKING:
    from settle.simulation.swarm import Swarm

PROMPT_SECONDS = 3


def account_of(swarm: "Swarm", number: int) -> str:
    """The credit account of this number."""
    return _prompt(number) if swarm.prompt_cuts else f"acc_{number}"


@cache
def _prompt(number: int) -> str:
    """One of the few names whose moment comes at once."""
    names = (f"acc_{number}_{each}" for each in count())
    return next(name for name in names if partition_of(name, SPREAD_SECONDS) < PROMPT_SECONDS)
