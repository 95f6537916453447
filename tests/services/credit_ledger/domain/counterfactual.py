"""What the account would look like if an order had never existed: the replay without it beside the one with it (U5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.credit_ledger.domain.log import replay
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.replay import World
from services.credit_ledger.domain.model.agreement import due_total
from services.credit_ledger.domain.model.operation import Operation


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands: limit, money owed, money held."""

    available_minor: int
    unpaid_principal_minor: int
    due_minor: int
    credit_balance_minor: int
    wallet_minor: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The account with the order and without it."""

    with_order: Standing
    without_order: Standing


def without_order(operations: Iterable[Operation], order_id: str) -> Comparison:
    """Compare the account as it is with the account as if nothing of the order had ever happened."""
    log = replay.effective(operations)
    own = {operation.reference for operation in log if operation.order_id == order_id and operation.reference}
    rest = [operation for operation in log if operation.order_id != order_id and operation.reference not in own]
    return Comparison(_standing(replay.fold(log, APPLY)), _standing(replay.fold(rest, APPLY)))


def _standing(world: World) -> Standing:
    account = world.account
    return Standing(
        account.available_minor, account.used_minor, due_total(world.agreements.values()),
        account.credit_balance_minor, account.wallet_minor,
    )
