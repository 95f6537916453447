"""The laws of the credit book (DOMAIN 3.4 and what follows from
it), each a function of the whole book that asserts one of them.

`CHEAP` ones are asserted after every step of a history, `AT_THE_END` ones once per history: they replay its log.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from services.credit_ledger.domain.legs.steps import rejected_leg_id
from services.credit_ledger.domain.log import replay
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.postings import TOLD
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, HoldState
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.leg import Rail, RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.payout import PAID, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement
from services.kernel.journal import Unit
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.telling import the_log_tells_the_history

ACCOUNT = "acc_1"
Law = Callable[[BookInMemory], None]
NOT_REPLAYED = (
    "L.MERCH.PAY", "A.MERCH.RECV", "L.REFUND.TRANSIT.CARD", "A.CH.CARD", "A.CUST.RECV", "L.PAYOUT.TRANSIT", "A.BANK"
)


def agreements(book: BookInMemory) -> list[Agreement]:
    """All agreements of the account."""
    return book.family(Agreement, ACCOUNT)


def instalments(book: BookInMemory) -> Iterator[Instalment]:
    """All instalments of the account."""
    return (item for agreement in agreements(book) for item in agreement.instalments)


def every_journal_balances(book: BookInMemory) -> None:
    """Lines sum to zero in each journal (BK-1)."""
    assert all(sum(line.amount_minor for line in journal.lines) == 0 for journal in book.journals[-8:])


def each_unit_sums_to_zero(book: BookInMemory) -> None:
    """Money and limits are conserved, each in its own ledger."""
    for unit in Unit:
        assert sum(amount for (of, _, _), amount in book.balances.items() if of is unit) == 0


def available_held_and_used_are_the_grant(book: BookInMemory) -> None:
    """AVAIL + HELD + USED = granted, in the row and in the book."""
    account = book.account(ACCOUNT)
    figures = (account.available_minor, account.held_minor, account.used_minor, -account.granted_minor)
    names = ("LIM.AVAIL", "LIM.HELD", "LIM.USED", "LIM.GRANT")
    assert tuple(book.balance(name, Unit.LIMIT) for name in names) == figures
    assert sum(figures) == 0


def used_is_the_unpaid_principal(book: BookInMemory) -> None:
    """LIM.USED = the sum of unpaid principal = P.UNBILLED + P.BILLED."""
    unpaid = sum(item.outstanding_minor for item in instalments(book))
    booked = book.balance("A.LOAN.P.UNBILLED") + book.balance("A.LOAN.P.BILLED")
    assert unpaid == book.account(ACCOUNT).used_minor == booked


def billed_principal_is_what_was_billed(book: BookInMemory) -> None:
    """P.BILLED is the unpaid principal of billed instalments."""
    assert book.balance("A.LOAN.P.BILLED") == sum(i.outstanding_minor for i in instalments(book) if i.billed)


def held_is_what_holds_remain(book: BookInMemory) -> None:
    """LIM.HELD is the credit of unresolved holds."""
    assert book.account(ACCOUNT).held_minor == sum(row.hold.remaining.credit_minor for row in agreements(book))


def fees_are_the_fees_due(book: BookInMemory) -> None:
    """LOAN.FEE = the sum of fees due."""
    assert book.balance("A.LOAN.FEE") == sum(item.fee_due_minor for item in instalments(book))


def late_fees_are_the_late_fees_due(book: BookInMemory) -> None:
    """LOAN.LATE = the sum of late fees due."""
    assert book.balance("A.LOAN.LATE") == sum(item.late_minor for item in instalments(book))


def the_credit_balance_is_owed_to_the_customer(book: BookInMemory) -> None:
    """CREDITBAL is a credit balance, and the row says the same."""
    assert book.balance("L.CREDITBAL") == -book.account(ACCOUNT).credit_balance_minor <= 0


def the_wallet_is_owed_to_the_customer(book: BookInMemory) -> None:
    """CUST.WALLET is a credit balance, and the row says the same."""
    assert book.balance("L.CUST.WALLET") == -book.account(ACCOUNT).wallet_minor <= 0


def deposits_wait_for_their_orders(book: BookInMemory) -> None:
    """DEPOSIT is the wallet and bank share of unresolved holds."""
    assert book.balance("L.DEPOSIT") == -sum(row.hold.remaining.deposit_minor for row in agreements(book)) <= 0


def principal_is_paid_refunded_written_off_or_outstanding(book: BookInMemory) -> None:
    """principal = paid + refunded + written off + outstanding, all at least 0."""
    for item in instalments(book):
        assert min(item.paid_minor, item.refunded_minor, item.written_off_minor, item.outstanding_minor) >= 0
        parts = item.paid_minor + item.refunded_minor + item.written_off_minor + item.outstanding_minor
        assert parts == item.principal_minor


def nothing_is_negative(book: BookInMemory) -> None:
    """No limit, balance, fee or late fee is below zero."""
    account = book.account(ACCOUNT)
    assert min(account.available_minor, account.held_minor, account.used_minor, account.receivable_minor) >= 0
    assert all(
        0 <= i.fee_paid_minor <= i.fee_minor <= i.fee_initial_minor and i.late_minor >= 0 for i in instalments(book)
    )


def refunds_stay_within_captures(book: BookInMemory) -> None:
    """Sum of refunds <= captured <= authorized, per tender (PR-5)."""
    for row in agreements(book):
        assert min(row.refundable) >= 0
        assert row.hold.captured.plus(row.hold.released).within(row.hold.authorized)


def plans_are_what_was_captured(book: BookInMemory) -> None:
    """The plans of an order make its captured credit; ΣR of each is between its reductions and its principal."""
    for row in agreements(book):
        assert sum(plan.principal_minor for plan in row.plans) == row.hold.captured.credit_minor
        for plan in row.plans:
            assert sum(item.refunded_minor for item in plan.instalments) <= plan.refunded_minor <= plan.principal_minor


def nothing_is_owed_on_what_was_undone(book: BookInMemory) -> None:
    """A revoked agreement, and one whose credit was refunded whole, has no unpaid principal (I-1)."""
    for row in agreements(book):
        done = row.state in (AgreementState.REVOKED, AgreementState.SETTLED_EARLY)
        if done or (row.plans and all(plan.refunded_minor == plan.principal_minor for plan in row.plans)):
            assert sum(item.outstanding_minor for item in row.instalments) == 0


def revoked_never_became_debt(book: BookInMemory) -> None:
    """A revoked agreement has no plan, a settled one had (CR-2, CR-9)."""
    for row in agreements(book):
        if row.state is AgreementState.REVOKED:
            assert not row.plans
            assert row.hold.state in (HoldState.RELEASED, HoldState.EXPIRED)


def paid_off_owes_nothing(book: BookInMemory) -> None:
    """A paid-off agreement has nothing left that could be billed or paid."""
    assert not any(row.open for row in agreements(book) if row.state is AgreementState.PAID_OFF)


def an_unbilled_fee_needs_principal(book: BookInMemory) -> None:
    """An unbilled instalment that was refunded to zero carries no fee (FE-4)."""
    for row in agreements(book):
        for item in () if row.terms.deferred else row.instalments:
            if not item.billed and item.refunded_minor == item.principal_minor > 0:
                assert item.fee_minor == 0


def merchants_are_owed_what_shipped_less_what_came_back(book: BookInMemory) -> None:
    """Payable less receivable, in rows and book, is captures less refunds less settlements."""
    shares = [row for row in book.rows.values() if isinstance(row, MerchantShare)]
    assert book.balance("L.MERCH.PAY") == -sum(share.payable_minor for share in shares) <= 0
    assert book.balance("A.MERCH.RECV") == sum(share.receivable_minor for share in shares) >= 0


def flash_transit_is_what_waits(book: BookInMemory) -> None:
    """L.REFUND.TRANSIT.FLASH is the credit share of refunds that wait for the network."""
    waiting = [row for row in book.family(CreditRefund, ACCOUNT) if row.open]
    assert book.balance("L.REFUND.TRANSIT.FLASH") == -sum(row.tenders.credit_minor for row in waiting)


def card_transit_is_what_the_acquirer_owes(book: BookInMemory) -> None:
    """L.REFUND.TRANSIT.CARD is the sum of unsettled bank-card legs, L.PAYOUT.TRANSIT of unsettled payouts. What a
    rejected order paid is on nobody's book until its leg ends."""
    for rail, account in ((Rail.CARD, "L.REFUND.TRANSIT.CARD"), (Rail.PAYOUT, "L.PAYOUT.TRANSIT")):
        legs = [leg for leg in book.family(RefundLeg, ACCOUNT) if leg.rail is rail and leg.in_transit]
        legs = [leg for leg in legs if leg.id != rejected_leg_id(leg.order_id) and not leg.payout_id]
        redeemed = sum(_transit(book, payout.id) for payout in book.family(RedemptionPayout, ACCOUNT))
        own = book.balance(account) - (redeemed if rail is Rail.PAYOUT else 0)
        assert own == -sum(leg.sent_minor for leg in legs)


def each_payout_is_taken_out_of_its_transit(book: BookInMemory) -> None:
    """Of a redemption's payout this book has debited what paid a debt and, once it is paid, all of it (BK-6)."""
    for payout in book.family(RedemptionPayout, ACCOUNT):
        paid = payout.left_minor if payout.state in PAID else 0
        assert _transit(book, payout.id) == payout.netted_minor + paid, payout
        carrying = [leg for leg in book.family(RefundLeg, ACCOUNT) if leg.payout_id == payout.id and leg.in_transit]
        assert len(carrying) == (payout.state is PayoutState.SENT), payout


def _transit(book: BookInMemory, payout_id: str) -> int:
    return book.balances[Unit.CNY, "L.PAYOUT.TRANSIT", payout_id]


def nothing_is_given_back_twice(book: BookInMemory) -> None:
    """No repayment gives back more than it brought (RA-6)."""
    assert all(0 <= row.given_back_minor <= row.amount_minor for row in book.family(Repayment, ACCOUNT))


def events_have_no_gap(book: BookInMemory) -> None:
    """The events of an account count from 1 without a gap."""
    own = [event.sequence for event in book.events if event.aggregate_id == ACCOUNT]
    assert own == list(range(1, book.account(ACCOUNT).sequence + 1))


def the_log_has_no_gap(book: BookInMemory) -> None:
    """Operations count from 1, and what they moved makes the account's figures (MA-4)."""
    log, account = book.operations(ACCOUNT), book.account(ACCOUNT)
    assert [row.number for row in log] == list(range(1, account.operations + 1))
    moved: Counter[str] = Counter()
    for row in log:
        for name, amount in row.moved:
            moved[name] += amount
    figures = {
        "AVAILABLE": account.available_minor, "HELD": account.held_minor, "USED": account.used_minor,
        "WALLET": account.wallet_minor, "CREDIT_BALANCE": account.credit_balance_minor,
    }
    assert {name: amount for name, amount in figures.items() if amount} == {n: a for n, a in moved.items() if a}


def every_input_is_told_once(book: BookInMemory) -> None:
    """Whoever listens learns of each input by one event of its own, in the order of the log; of what one settlement
    did at once, in any order."""
    expected = [sorted(told.__name__ for told in TOLD[type(row.body)]) for row in book.operations(ACCOUNT)
                if type(row.body) in TOLD]
    own = {told for each in TOLD.values() for told in each}
    actual = [type(event.body).__name__ for event in book.events
              if event.aggregate_id == ACCOUNT and type(event.body) in own]
    assert len(expected) == len(actual)
    assert not Counter(actual) - Counter(name for names in expected for name in names)


def nothing_unfinished_lacks_a_timer(book: BookInMemory) -> None:
    """A cut to come, a refund or a payout that waits and a leg without the rail's last word each have their timer."""
    account = book.account(ACCOUNT)
    assert (account.next_cut_at is not None) == (("statement_cut", ACCOUNT) in book.timers)
    assert account.next_cut_at is not None or not any(row.open for row in agreements(book))
    for leg in book.family(RefundLeg, ACCOUNT):
        assert leg.final != (("leg", leg.id) in book.timers), leg
    for payout in book.family(RedemptionPayout, ACCOUNT):
        assert (payout.state is PayoutState.WAITING) == (("payout", payout.id) in book.timers), payout


def a_statement_is_the_sum_of_its_lines(book: BookInMemory) -> None:
    """The offset is within it, and the periods of two statements do not overlap (SD-4)."""
    last = 0
    for row in sorted(book.family(Statement, ACCOUNT), key=lambda row: row.bill_date):
        assert row.amount_minor == sum(line.principal_minor + line.fee_minor + line.late_minor for line in row.lines)
        assert 0 <= row.offset_minor <= row.amount_minor
        assert row.first_operation > last
        last = row.last_operation


def the_log_gives_the_account(book: BookInMemory) -> None:
    """Replay equals state: the fold of the log is the account, row for row (P24, U5)."""
    world = replay.fold(replay.effective(book.operations(ACCOUNT)), APPLY)
    assert replay.same_books(world, book.account(ACCOUNT))
    stored = {row.key: row for row in agreements(book)}
    assert world.agreements.keys() == stored.keys()
    for key, row in stored.items():
        assert row.plans == world.agreements[key].plans, key
        assert (row.state, row.hold, row.refunded) == (
            world.agreements[key].state, world.agreements[key].hold, world.agreements[key].refunded
        )


def the_log_gives_the_book(book: BookInMemory) -> None:
    """The fold of the log posts what was posted, but for merchants, rails and what settled outside."""
    posted = replay.fold(replay.effective(book.operations(ACCOUNT)), APPLY).posted
    folded: Counter[tuple[Unit, str]] = Counter()
    for (unit, account, _), amount in posted.items():
        folded[unit, account] += amount
    totals = book.totals()
    for key in set(folded) | set(totals):
        if key[1] not in NOT_REPLAYED:
            assert folded[key] == totals[key], key


CHEAP: tuple[Law, ...] = (
    every_journal_balances, each_unit_sums_to_zero, available_held_and_used_are_the_grant, used_is_the_unpaid_principal,
    billed_principal_is_what_was_billed, held_is_what_holds_remain, fees_are_the_fees_due,
    late_fees_are_the_late_fees_due,
    the_credit_balance_is_owed_to_the_customer, the_wallet_is_owed_to_the_customer, deposits_wait_for_their_orders,
    principal_is_paid_refunded_written_off_or_outstanding, nothing_is_negative, refunds_stay_within_captures,
    plans_are_what_was_captured, nothing_is_owed_on_what_was_undone, revoked_never_became_debt, paid_off_owes_nothing,
    an_unbilled_fee_needs_principal, merchants_are_owed_what_shipped_less_what_came_back, flash_transit_is_what_waits,
    card_transit_is_what_the_acquirer_owes, each_payout_is_taken_out_of_its_transit, nothing_is_given_back_twice,
)
AT_THE_END: tuple[Law, ...] = (
    events_have_no_gap, every_input_is_told_once,
    the_log_has_no_gap, nothing_unfinished_lacks_a_timer, a_statement_is_the_sum_of_its_lines,
    the_log_gives_the_account, the_log_gives_the_book, the_log_tells_the_history,
)
