"""How far back a reversal reads its account's log: no further than it must."""

from services.credit_ledger.domain.core.backwards import backwards
from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.commands import RefundTenders, ReverseRefund
from services.credit_ledger.domain.model.operation import Operation


def back_to(position: Position, refund_id: str) -> list[Operation]:
    """The operations since a refund, and it, in order; the whole log if it is not in it.

    A refund in front of it that was undone behind it is in what was kept since, and no longer in the log that counts:
    then they begin with that one. They are the whole log where one of them has nothing kept with it.
    """
    read: list[Operation] = []
    sought, kept = {refund_id}, True
    for operation in backwards(position):
        read.append(operation)
        kept = kept and operation.before is not None
        if isinstance(operation.body, ReverseRefund):
            sought.add(operation.body.refund_id)
        elif isinstance(operation.body, RefundTenders):
            sought.discard(operation.body.refund_id)
        if kept and not sought:
            break
    return read[::-1]
