"""Which operations of a log one decision logged together, as far as it matters: a reversal behind the cuts it caused.

Every other operation can be told by itself: a cut on the way to a decision changes the same, whoever made it.
"""

from collections.abc import Container

from services.credit_ledger.domain.log.history import History
from services.credit_ledger.domain.model.commands import CutStatement, ReverseRefund
from services.credit_ledger.domain.model.operation import Operation

Decided = tuple[Operation, ...]


class Together:
    """Takes the operations of one log in order, and gives them decision by decision. Cuts that nothing was due for wait
    until it is known what stands behind them."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._waiting: list[Operation] = []

    def take(self, operation: Operation, issued: Container[str] = ()) -> list[Decided]:
        """What can be told now; for a reversal `issued` are the statements that were issued at its instant, by key. One
        that caused cuts moved nothing itself: what it moved was logged with the first of them."""
        if isinstance(operation.body, CutStatement) and (self._waiting or not self._history.expects(operation)):
            self._waiting.append(operation)
            return []
        if not self._waiting:
            return [(operation,)]
        cuts = self.rest()
        if not isinstance(operation.body, ReverseRefund):
            return [*cuts, (operation,)]
        if operation.moved:
            return [*cuts, (operation,)]
        own = next((n for n, (cut,) in enumerate(cuts) if cut.reference in issued), len(cuts))
        return [*cuts[:own], (*(cut for (cut,) in cuts[own:]), operation)]

    def rest(self) -> list[Decided]:
        """The cuts that still wait: nothing stands behind them."""
        cuts, self._waiting = self._waiting, []
        return [(cut,) for cut in cuts]
