"""Prints what chains cost: `python -m tests.benchmarks.chaining`.

CPU time of the lane per event, per operation, and per root that gets a new head; then of the auditor, per row that it
follows, without reading it. The best of several runs.
"""

import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import RefundTenders
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.store import TABLES
from services.credit_ledger.wire import CODEC
from services.kernel.chain import EVENTS, NONE_YET, OPERATIONS, linked, row_of
from services.kernel.decision import Aggregate
from services.runtime.ground.records import Outbound
from services.runtime.ground.values import frozen_classes, unguard
from services.runtime.lanes.business import Business
from services.runtime.lanes.chaining import link_rows
from services.runtime.stored.journals import StoredEvent
from settle.audit.links import Ends, Row, holds

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROOTS, RUNS, REPEATS = 200, 5, 10
PAYLOAD = bytes(range(256))


def main() -> None:
    """Print the figures, with the values' guards dropped as in a service."""
    unguard(frozen_classes("services"))
    for key in (b"", b"k" * 32):
        business = Business(TABLES, {}, {}, CODEC, Outbound("credit_ledger", CODEC, 8), 8, key)
        one, three = (_best(partial(_events, business, n)) for n in (1, 3))
        logged, chains = _best(partial(_operations, business)), _chains(key)
        audited = _best(partial(_followed, chains, key)) / 2
        event = (three - one) / 2
        print(
            f"{'under a key' if key else 'under none'}: {event:.1f} us an event, {one - event:.1f} us a root,"
            f" {logged - one + event:.1f} us an operation; {audited:.1f} us a row of the auditor's"
        )


def _events(business: Business, each: int) -> None:
    changed, told = _accounts(), [_event(root, n) for root in range(ROOTS) for n in range(1, each + 1)]
    link_rows(changed, told, business)


def _operations(business: Business) -> None:
    """Each root is stepped by an operation, and so by a head, and tells nothing."""
    changed = {**_accounts(), Operation: dict(map(_operation, range(ROOTS)))}
    link_rows(changed, [], business)


def _accounts() -> dict[type, dict[str, Aggregate]]:
    return {CreditAccount: {f"acc_{n}": ACCOUNTS[n] for n in range(ROOTS)}}


def _event(root: int, number: int) -> StoredEvent:
    return StoredEvent(
        f"acc_{root}", number, "settlement.credit_ledger.v1.CreditRefunded", at=NOW, saga_id=f"saga_{root:032x}",
        payload=PAYLOAD,
    )


def _operation(root: int) -> tuple[str, Aggregate]:
    row = OPERATIONS_LOGGED[root]
    return row.key, row


def _followed(chains: list[tuple[Ends, Row]], key: bytes) -> None:
    """An event and an operation of each root, as the auditor follows them."""
    for ends, row in chains:
        assert holds(ends, [row], key)


def _chains(key: bytes) -> list[tuple[Ends, Row]]:
    found = []
    for root in range(ROOTS):
        event = ("settlement.credit_ledger.v1.CreditRefunded", NOW, f"saga_{root:032x}", PAYLOAD)
        logged = ("RefundTenders", NOW, f"ord_{root:032x}", "", f"saga_{root:032x}", *DOCUMENTS)
        for name, values in ((EVENTS, event), (OPERATIONS, logged)):
            link, head = linked(NONE_YET, row_of(name, f"acc_{root}", 1, *values), key)
            found.append((Ends(name, f"acc_{root}", 1, head), Row(1, values, link)))
    return found


DOCUMENTS = (
    '{"account_id":"acc_0123456789abcdef","order_id":"ord_0123456789abcdef","tenders":[500,0,0,0]}', "{}", "[]", None
)
ACCOUNTS = [CreditAccount(f"acc_{n}", f"cus_{n}", NOW) for n in range(ROOTS)]
OPERATIONS_LOGGED = [
    Operation(
        f"acc_{n}", 1, NOW, RefundTenders(f"acc_{n}", f"ord_{n:032x}", "mer_1", f"ref_{n}", Tenders(500)),
        order_id=f"ord_{n:032x}", saga_id=f"saga_{n:032x}", moved=(("used_minor", -500), ("wallet_minor", 500)),
    ) for n in range(ROOTS)
]


def _best(run: Callable[[], object]) -> float:
    """Microseconds for each root."""
    seconds = min(timeit.repeat(run, number=RUNS, repeat=REPEATS, timer=time.process_time))
    return seconds / RUNS / ROOTS * 1e6


if __name__ == "__main__":
    main()
