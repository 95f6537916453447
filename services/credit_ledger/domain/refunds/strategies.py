"""How a partial refund lowers what is outstanding, instalment by instalment (RA-4, PR-1, PR-2).

Every strategy takes an amount that is at most the sum outstanding, and gives parts that sum to it, each within its
instalment; an instalment with nothing outstanding takes no part.
"""

from collections.abc import Callable, Mapping, Sequence

from services.credit_ledger.domain.model.terms import Strategy
from services.kernel.allocation import in_order, split
from services.kernel.money import half_up

Parts = tuple[int, ...]


def reduce_by(strategy: Strategy, amount: int, outstanding: Sequence[int]) -> Parts:
    """The reduction of each instalment under a strategy."""
    return _STRATEGIES[strategy](amount, outstanding)


def proportional(amount: int, outstanding: Sequence[int]) -> Parts:
    """In proportion to what is outstanding; odd fen to the later instalments (PR-1, CV-5)."""
    return split(amount, outstanding, "last")


def next_first(amount: int, outstanding: Sequence[int]) -> Parts:
    """The next instalments first, each as a whole."""
    return in_order(amount, outstanding)


def last_first(amount: int, outstanding: Sequence[int]) -> Parts:
    """The last instalments first, each as a whole."""
    return in_order(amount, outstanding[::-1])[::-1]


def even(amount: int, outstanding: Sequence[int]) -> Parts:
    """The even share each, the last open instalment the difference; what did not fit is shared out again (PR-2)."""
    parts = [0] * len(outstanding)
    while amount:
        open_ones = [index for index, whole in enumerate(outstanding) if whole > parts[index]]
        share, unoffered, rest = half_up(amount, len(open_ones)), amount, 0
        for index in open_ones:
            offered = unoffered if index == open_ones[-1] else min(share, unoffered)
            taken = min(offered, outstanding[index] - parts[index])
            parts[index] += taken
            unoffered -= offered
            rest += offered - taken
        amount = rest
    return tuple(parts)


def overdue_first(
    strategy: Strategy, amount: int, outstanding: Sequence[int], overdue: Sequence[bool]
) -> tuple[Parts, Parts]:
    """The reductions of overdue instalments, in order, and those of the others by the strategy (RA-4)."""
    late = in_order(amount, [whole if is_late else 0 for whole, is_late in zip(outstanding, overdue, strict=True)])
    others = [0 if is_late else whole for whole, is_late in zip(outstanding, overdue, strict=True)]
    return late, reduce_by(strategy, amount - sum(late), others)


def compare(amount: int, outstanding: Sequence[int]) -> Mapping[Strategy, tuple[Parts, Parts]]:
    """For each strategy its reductions and what would be left (PR-2)."""
    reductions = {strategy: reduce_by(strategy, amount, outstanding) for strategy in Strategy}
    return {
        strategy: (parts, tuple(whole - part for whole, part in zip(outstanding, parts, strict=True)))
        for strategy, parts in reductions.items()
    }


_STRATEGIES: Mapping[Strategy, Callable[[int, Sequence[int]], Parts]] = {
    Strategy.PROPORTIONAL: proportional,
    Strategy.EQUAL: even,
    Strategy.LAST_FIRST: last_first,
    Strategy.NEXT_FIRST: next_first,
}
