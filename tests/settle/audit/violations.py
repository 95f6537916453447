"""One planted violation for every check: what is done to the databases of the story, and which check must see it."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from services.card_redemption.domain.cards.tender import CardRefund
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.statement import StatementLine
from services.order.domain.bank_shares import Refund
from services.order.domain.lines import Line
from services.order.domain.tenders import Tender
from tests.services.card_redemption.redeeming import T1

ORDER, CREDIT, CARD = "order", "credit_ledger", "card_redemption"


class Planted(NamedTuple):
    """SQL that breaks the promise of a check in a service's database."""

    check: str
    service: str
    sql: str


_JOURNAL = """
insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts) values
('{root}', {version}, 0, '{op}', '{unit}', '', '{saga}', now(), '{{{accounts}}}', '{{{subs}}}', '{{{amounts}}}')"""


def journal(
    accounts: str, amounts: str, subs: str = '"",""', unit: str = "CNY", root: str = "acc_1", version: int = 1_000,
    op: str = "planted", saga: str = "",
) -> str:
    """The SQL that posts a journal past all rules: accounts, subs and amounts as the inside of array literals."""
    return _JOURNAL.format(
        root=root, version=version, op=op, unit=unit, saga=saga, accounts=accounts, subs=subs, amounts=amounts
    )


def by_hand(maker: str, checker: str, *papers: str) -> str:
    """The SQL that puts an adjustment on record past all rules; the database itself refuses one name written twice."""
    return f"""
insert into adjustments (id, account_id, order_id, refund_id, maker, checker, evidence, reason, posted_at, version)
values ('adj_planted', 'acc_1', 'ord_whole', '', '{maker}', '{checker}', '{json.dumps(papers)}', 'found', now(), 1)"""


def _set(column: str, fields: Sequence[str], field: str, amount_minor: int, where: str = "") -> str:
    """Another amount in the place of a field of the list at `where` in a column, its first item if left out."""
    path = f"{where or '0'},{fields.index(field)}"
    return f"{column} = jsonb_set({column}::jsonb, '{{{path}}}', '{amount_minor}')"


_REDEEMER = """
insert into redeemers (id, completed, cancelled_day, cancelled_minor, restricted, version, pending_saga_id)
values ('cus_1', {completed}, '0001-01-01', 0, '', 1, {claimed})"""
_CLAIMED = """pending_tried_at = now(),
    pending_saga_id = (select split_part(message_id, '/', 1) from inbox where message_id like '%/F' limit 1)"""
_DONE = """insert into sagas (id, root, kind, definition_version, phase, decision, started_at, deadline_at, updated_at,
                              version, plan, branches)
           select 'saga_x', 'crd_1', '{kind}', 1, 'DONE', 'COMMIT', at, at, at, 3, '{{}}', '{branches}'
           from (select '2026-01-02'::timestamptz at) long_ago"""
_ENDED = "(select id from sagas where kind = 'refund' and phase = 'DONE' limit 1)"


def _paid(amount_minor: int) -> str:
    """So much was paid of the sixth instalment."""
    return _set("plans", Instalment._fields, "paid_minor", amount_minor, "0,instalments,5")


_TERMS = msgspec.json.encode(T1).decode()
_UNTOLD_REDEMPTION = f"""
insert into redemption_orders (id, card_id, customer_id, account_id, terms, declared_minor, face_minor, entry, method,
    instrument, state, accepted_at, updated_at, settlement_id, reason, cancel_fee_minor, evidence, agreement_id,
    payouts, channel_fee_minor, remitted_minor, claimed_minor, version)
select 'rdm_evil', min(id), 'cus_1', 'acc_1', '{_TERMS}', 1, 1, 'APP', 'JD_BALANCE', '', 'FAILED', now(), now(), '',
    '', 0, '[]', '', '[]', 0, 0, 0, 1 from gift_cards
"""
_UNTOLD_DISPUTE = """
insert into disputes (id, card_id, redemption_id, customer_id, type, route, vip, method, rank, opened_by, opened_at,
    updated_at, state, claimed_minor, complaint, let_in_by, handler, papers, verdict, remedy, granted_minor, deciders,
    police_case, reason, lateness, attempts, version)
select 'dsp_evil', card_id, id, customer_id, 'FRAUD', 'DIRECT', 0, method, 4, 'clerk', now(), now(), '{state}', 0, '',
    '', 'clerk', '[]', {verdict}, '{remedy}', 0, '[{decider}]', '', '', 'ON_TIME', 0, 1 from redemption_orders
"""


def disputed(state: str = "OPEN", remedy: str = "NONE", decider: str = "") -> str:
    """The SQL that puts a redemption there, and a dispute about it that is decided by somebody, if by anybody."""
    verdict, decider = ("'UPHELD'", f'"{decider}"') if decider else ("null", "")
    told = _UNTOLD_DISPUTE.format(state=state, verdict=verdict, remedy=remedy, decider=decider)
    return f"{_UNTOLD_REDEMPTION}; {told}"


PLANTED = (
    Planted("journals.balance", CREDIT, "update journals set amounts[1] = amounts[1] + 1 where op = 'repay'"),
    Planted("journals.shape", CARD, "update journals set subs = subs[1:1] where op = 'card_issue'"),
    Planted("journals.units", CREDIT, "update journals set unit = 'CNY' where op = 'authorize'"),
    Planted("journals.ordinals", CREDIT, "update journals set no = 7 where op = 'deposit'"),
    Planted("books.zero", CARD, "update journals set amounts[1] = amounts[1] + 1 where op = 'capture'"),
    Planted("accounts.projection", CREDIT, "update journals set amounts[1] = amounts[1] - 5 where op = 'authorize'"),
    Planted("accounts.projection", CREDIT, "update credit_accounts set wallet_minor = wallet_minor + 1"),
    Planted("accounts.sound", CREDIT, "update credit_accounts set wallet_minor = -1"),
    Planted("accounts.known", CREDIT, journal("L.CUST.WALLET,A.BANK", "-7,7", 'acc_stray,""')),
    Planted("accounts.log", CREDIT, "delete from operations where number = 2"),
    Planted("accounts.events", CREDIT, "update credit_accounts set sequence = sequence + 1"),
    Planted("accounts.versions", CREDIT, journal("A.BANK,X.SUSPENSE", "1,-1")),
    Planted("accounts.claims", CREDIT, f"update credit_accounts set {_CLAIMED}"),
    Planted(
        "accounts.fold", CREDIT,
        f"""update agreements set {_set("plans", Instalment._fields, "fee_initial_minor", 99_999, "0,instalments,9")}
            where order_id = 'ord_flash'""",
    ),
    Planted("agreements.debt", CREDIT, f"update agreements set {_paid(1)} where order_id = 'ord_returned'"),
    Planted("agreements.deposits", CREDIT, journal("L.DEPOSIT,A.BANK", "-9,9", 'ord_waiting,""')),
    Planted(
        "agreements.instalments", CREDIT,
        f"update agreements set {_paid(99_999_999)} where order_id = 'ord_returned'",
    ),
    Planted(
        "agreements.plans", CREDIT,
        """update agreements set plans = jsonb_set(plans::jsonb, '{0,principal_minor}', '1')
           where order_id = 'ord_returned'""",
    ),
    Planted(
        "agreements.refunds", CREDIT,
        "update agreements set refunded = '[0, 99999999, 0, 0]' where order_id = 'ord_returned'",
    ),
    Planted("agreements.ended", CREDIT, "update agreements set state = 'REVOKED' where order_id = 'ord_waiting'"),
    Planted("merchants.projection", CREDIT, "update merchant_shares set payable_minor = payable_minor + 3"),
    Planted(
        "merchants.settled", CREDIT,
        "update journals set saga_id = '' where op = 'merchant_settle' and saga_id <> ''",
    ),
    Planted("merchants.card_shares", CARD, "update merchant_shares set payable_minor = payable_minor + 1"),
    Planted("merchants.claims", CARD, "update merchant_shares set settling_minor = 1 where id = 'mer_1/00'"),
    Planted("merchants.covered", CARD, "update merchant_shares set refunding_minor = payable_minor + 1"),
    Planted(
        "merchants.clawed_back", CARD,
        f"""update card_tenders set {_set('refunds', CardRefund._fields, 'uncovered_minor', 0)}
            where order_id = 'ord_gift'""",
    ),
    Planted("merchants.ends", ORDER, "update merchant_settlements set amount_minor = amount_minor + 1"),
    Planted("merchants.ends", ORDER, "update merchant_settlements set state = 'SETTLING'"),
    Planted("rails.transit", CREDIT, "update legs set state = 'SETTLED'"),
    Planted("rails.deposits", CREDIT, "delete from legs where order_id = 'ord_paid_in_vain'"),
    Planted(
        "payouts.booked", CREDIT,
        """insert into payouts
           values ('pay_x', 'acc_1', 'rdm_x', 'crd_1', 7, 'WALLET', '', now(), 'STOPPED', now(), 3, 0, 1)""",
    ),
    Planted(
        "payouts.legs", CREDIT,
        """insert into payouts
           values ('pay_x', 'acc_1', 'rdm_x', 'crd_1', 7, 'BANK', 'b', now(), 'STOPPED', now(), 0, 1, 1)""",
    ),
    Planted(
        "joins.payouts", CREDIT,
        """insert into payouts
           values ('pay_x', 'acc_1', 'rdm_x', 'crd_1', 7, 'WALLET', '', now(), 'WAITING', now(), 0, 0, 1)""",
    ),
    Planted("channels.remitted", CREDIT, "insert into recycling_channels values ('CHANNEL_X', 7, 0, 1, '')"),
    Planted(
        "switches.moved", CREDIT,
        "insert into payout_switches values ('payouts', true, 'ops_x', 'planted', now(), 0, 1, '')",
    ),
    Planted("rails.adjusted", CREDIT, "update legs set detail = 'settled by hand: adj_gone'"),
    Planted("adjustments.four_eyes", CREDIT, by_hand("alice", " ＡＬＩＣＥ", "ORDER-7", "BILL-7")),
    Planted("rails.flash", CREDIT, "update credit_refunds set state = 'SUCCEEDED'"),
    Planted("rails.room", CREDIT, "update legs set amount_minor = 30001 where order_id = 'ord_whole'"),
    Planted("joins.answers", CREDIT, "update inbox set outcome = '' where message_id like '%/T' and verdict = 'DONE'"),
    Planted(
        "joins.merchant_answers", CARD,
        "update inbox set verdict = 'DONE' where message_id like '%/T' and verdict = 'REFUSED'",
    ),
    Planted(
        "rails.differences", CREDIT,
        """with row as (insert into reconciliations values
                       ('reconciliation/acquirer', 'IDLE', 1, '', '', 3, 1, now(), now(), 0, 2))
           insert into rail_differences values ('leg_x', 'reconciliation/acquirer', 'UNKNOWN_LEG', '', 'payment', 0, 7,
                                                '', now(), now(), null, 1)""",
    ),
    Planted("rails.counted", CREDIT, "update legs set used_minor = 1 where order_id = 'ord_whole'"),
    Planted("suspense.zero", CREDIT, journal("A.BANK,X.SUSPENSE", "4,-4")),
    Planted("cards.projection", CARD, "update gift_cards set balance_minor = balance_minor - 1"),
    Planted(
        "cards.deposits", CARD,
        "update card_tenders set deposited_minor = deposited_minor + 1 where order_id = 'ord_waiting'",
    ),
    Planted("cards.merchants", CARD, journal("L.MERCH.PAY,L.GIFTCARD", "2,-2", "mer_1,crd_1", root="crd_1")),
    Planted(
        "cards.refunds", CARD,
        "update card_tenders set refunds = '[[\"ref_x\", 99999999]]' where order_id = 'ord_returned'",
    ),
    Planted("cards.held", CARD, "update gift_cards set held_minor = 1"),
    Planted("cards.claims", CARD, f"update card_tenders set {_CLAIMED} where order_id = 'ord_returned'"),
    Planted("cards.unposted", CARD, "update card_tenders set version = 1 where order_id = 'ord_rejected'"),
    Planted("cards.history", CARD, "update gift_cards set customer_id = 'cus_evil'"),
    Planted("cards.claimed", CARD, "update gift_cards set held_minor = 1"),
    Planted("redemptions.history", CARD, _UNTOLD_REDEMPTION),
    Planted("disputes.history", CARD, disputed()),
    Planted("states.disputes", CARD, disputed("EXECUTED")),
    Planted("disputes.outcome", CARD, disputed("EXECUTED", "REVOCATION", "boss")),
    Planted("disputes.four_eyes", CARD, disputed("EXECUTED", decider="CLERK")),
    Planted("disputes.adjusted", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set adjusted_minor = 5"),
    Planted("states.redemptions", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set frozen_from = 'ACCEPTED'"),
    Planted("joins.redemptions", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set settlement_id = 'saga_x'"),
    Planted("redeemers.known", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set state = 'COMPLETED'"),
    Planted("redeemers.counted", CARD, _REDEEMER.format(completed=1, claimed="null")),
    Planted("redeemers.told", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set state = 'COMPLETED'"),
    Planted("redeemers.claims", CARD, _REDEEMER.format(completed=0, claimed="'saga_x'")),
    Planted("redemptions.booked", CARD, f"{_UNTOLD_REDEMPTION}; update redemption_orders set adjusted_minor = 5"),
    Planted("merchants.rooted", CREDIT, "delete from merchant_shares where id = 'mer_1/00'"),
    Planted("record.standing", CARD, "update gift_cards set standing = 'ACTIVE' where id = 'crd_voided'"),
    Planted("redemptions.rooted", CARD, "update card_codes set card_id = 'crd_none'"),
    Planted("channels.versions", CARD, "delete from channel_versions where channel = 'TRIAL' and number = 1"),
    Planted("years.rooted", CARD, "update agreement_years set id = 'agr_none/' || year, agreement_id = 'agr_none'"),
    Planted("record.made", CARD, "update revocation_batches set agreement_id = 'agr_none'"),
    Planted("channels.history", CARD, "update channels set in_force = 1"),
    Planted("agreements.history", CARD, "update revocation_batches set requested_at = requested_at + interval '1s'"),
    Planted("agreements.history", CARD, "update agreement_years set redeemed_minor = redeemed_minor - 1"),
    Planted("calendars.history", CARD, "update calendars set approved_by = 'ann'"),
    Planted("shares.card_history", CARD, "delete from events where aggregate_id = 'mer_1/00' and sequence = 2"),
    Planted("shares.credit_history", CREDIT, "delete from events where aggregate_id = 'mer_1/00' and sequence = 2"),
    Planted("merchants.history", ORDER, "update merchant_settlements set amount_minor = 1"),
    Planted("cards.codes", CARD, "update card_codes set number = 9 where card_id = 'crd_given' and number = 1"),
    Planted("record.cards", CARD, "delete from attempts where kind = 'ACTIVATE_CARD'"),
    Planted("record.sealed", CARD, "update attempts set number = 99 where number = 2"),
    Planted("record.named", CARD, "delete from gift_cards where id = 'crd_given'"),
    Planted("record.volumes", CARD, "update record_volumes set id = 'rec_000000002'"),
    Planted("chains.record", CARD, "update attempts set actor = 'nobody' where number = 2"),
    Planted("cards.events", CARD, "update gift_cards set sequence = sequence - 1"),
    Planted("cards.versions", CARD, "update gift_cards set version = 1"),
    Planted("sagas.moved", CREDIT, "update journals set saga_id = '' where op = 'capture'"),
    Planted("sagas.moved_cards", CARD, "update journals set saga_id = '' where op = 'refund'"),
    Planted(
        "orders.tenders", CREDIT, "update agreements set refunded = '[0, 0, 0, 0]' where order_id = 'ord_returned'"
    ),
    Planted("orders.owes_nothing", ORDER, "update orders set state = 'CANCELLED' where id = 'ord_waiting'"),
    Planted("orders.refunded_whole", ORDER, "update orders set state = 'FULLY_REFUNDED' where id = 'ord_returned'"),
    Planted("orders.card_tenders", CARD, "update card_tenders set captured_minor = 0 where order_id = 'ord_returned'"),
    Planted("orders.card_returned", ORDER, "update orders set state = 'CANCELLED' where id = 'ord_waiting'"),
    Planted(
        "states.orders", ORDER, f"update orders set {_set('tenders', Tender._fields, 'refunded_minor', 99_999_999)}"
    ),
    Planted("states.orders", ORDER, f"update orders set {_set('lines', Line._fields, 'returned', 99)}"),
    Planted(
        "states.orders", ORDER,
        f"""update orders set {_set('refunds', Refund._fields, 'amount_minor', 1)} where id = 'ord_returned'""",
    ),
    Planted(
        "states.orders", ORDER,
        f"update orders set {_set('lines', Line._fields, 'reduced_minor', 999)} where id = 'ord_returned'",
    ),
    Planted("orders.lock", ORDER, "update orders set settlement_id = 'saga_gone' where id = 'ord_waiting'"),
    Planted("orders.events", ORDER, "update orders set sequence = sequence + 1 where id = 'ord_waiting'"),
    Planted("orders.history", ORDER, "update orders set state = 'DELIVERED' where id = 'ord_returned'"),
    Planted("sagas.decision", ORDER, f"update sagas set decision = 'ABORT' where id = {_ENDED}"),
    Planted("sagas.branches", ORDER, """update sagas set branches = replace(branches::text, 'ENDED', 'TRIED')::json
                                        where phase = 'DONE' and json_array_length(branches) > 0"""),
    Planted("sagas.elsewhere", CREDIT, _DONE.format(kind="refund", branches="[]")),
    Planted("sagas.answers", CREDIT, "update inbox set verdict = 'REFUSED' where message_id like '%/T'"),
    Planted("sagas.answers", CARD, "delete from inbox where message_id like '%/F'"),
    Planted("sagas.answers", CARD, "delete from inbox where message_id like '%/C'"),
    Planted("sagas.traceless", CREDIT, """update journals set saga_id = (
        select split_part(message_id, '/', 1) from inbox where message_id like '%/T' and verdict = 'REFUSED' limit 1
        ) where op = 'repay'"""),
    Planted("events.gapless", ORDER, "delete from events where aggregate_id = 'ord_returned' and sequence = 1"),
    Planted("chains.operations", CREDIT, "update operations set moved = '[]', facts = '{}' where number = 2"),
    Planted("chains.events", ORDER, "update events set payload = '\\x00' where aggregate_id = 'ord_returned'"),
    Planted("chains.accepted", ORDER, "insert into chain_starts values ('events', 'ord_waiting', 1)"),
    Planted("seals", ORDER, "update orders set updated_at = updated_at + interval '1 day' where id = 'ord_whole'"),
    Planted("seals.runtime", CARD, "update inbox set type = 'another' where message_id like '%/T'"),
    Planted("seals.of_orders", ORDER, "update sagas set made_seal = ''"),
    Planted("seals.of_credit", CREDIT, "update legs set seal = ''"),
    Planted("seals.of_cards", CARD, "update card_tenders set seal = ''"),
    Planted("joins.caused", CREDIT, "update events set cause = 'nobody' where aggregate_id = 'acc_1' and sequence = 1"),
    Planted("joins.begun", ORDER, "delete from inbox where type like '%.Settlement'"),
    Planted("provenance.meanwhile", CARD, "update journals set posted_at = posted_at - interval '1 day'"),
    Planted("chains.key", CARD, "insert into runtime_facts values ('chain_key', 'another')"),
    Planted("chains.of_orders", ORDER, "delete from orders where id = 'ord_waiting'"),
    Planted("chains.of_credit", CREDIT, "update operations set account_id = 'acc_stray' where number = 2"),
    Planted("chains.of_cards", CARD, "update events set aggregate_id = 'stray/' || aggregate_id where sequence = 1"),
    Planted(
        "unfinished.notices", CREDIT,
        "with told as (insert into notices values ('told/2', 'acc_1', 'order', 'ord_returned', 'T', '', 1, 0, 1)) "
        "insert into timers values ('notice', 'told/2', 'acc_1', 0, now())",
    ),
    Planted("unfinished.frozen", ORDER, f"update sagas set phase = 'FROZEN' where id = {_ENDED}"),
    Planted("states.orders", ORDER, "delete from timers where kind = 'hold_expiry'"),
    Planted("states.merchant_settlements", ORDER, "update merchant_settlements set ended_at = null"),
    Planted("states.accounts", CREDIT, "update agreements set open = false where order_id = 'ord_flash'"),
    Planted("states.cards", CARD, "update gift_cards set face_minor = 1"),
    Planted("states.sagas", ORDER, f"update sagas set phase = 'CONFIRMING' where id = {_ENDED}"),
    Planted(
        "states.notices", CREDIT,
        "insert into notices values ('told/1', 'acc_1', 'order', 'ord_returned', 'T', '', 1, 0, 1)",
    ),
    Planted("states.reconciliation", CREDIT, "delete from timers where kind = 'reconcile'"),
    Planted("states.timers", CARD, "insert into timers values ('leg', 'crd_1', 'crd_1', 0, now())"),
    Planted(
        "states.claims", CREDIT,
        "update credit_accounts set pending_saga_id = 'saga_nobody', pending_tried_at = now()",
    ),
    Planted("unfinished.verdict", CARD, "update inbox set verdict = 'PENDING'"),
    Planted("unfinished.sagas", ORDER, f"update sagas set phase = 'EXECUTING' where id = {_ENDED}"),
    Planted(
        "unfinished.outbox", CREDIT,
        "insert into outbox values (9, 1, 'settlement.order.replies.v1', 0, 'ord_returned', '[]', '')",
    ),
    Planted("journals.elsewhere", ORDER, journal("A.BANK,I.FEE", "-5,5", root="ord_whole")),
    Planted("provenance.journals", CREDIT, "update journals set op = 'capture' where op = 'manual_adjust'"),
    Planted("provenance.journals", CREDIT, journal("A.BANK,I.FEE.INST", "-50000,50000", op="capture", version=17)),
    Planted("provenance.journals", CREDIT, "delete from journals where op = 'wallet_fund'"),
    Planted("provenance.journals", CREDIT, "update journals set subs[3] = 'mer_2' where op = 'capture'"),
    Planted(
        "provenance.journals", CREDIT,
        "insert into journals select root, root_version, 1, op, unit, order_id, saga_id, posted_at, accounts, subs, "
        "amounts from journals where op = 'wallet_fund'",
    ),
    Planted(
        "provenance.events", CREDIT, "update events set saga_id = '' where aggregate_id = 'acc_1' and sequence = 6",
    ),
    Planted("provenance.legs", CREDIT, "update legs set reference = 'payment-of-ord_gift' where refund_id <> ''"),
    Planted("provenance.paid", CREDIT, "update legs set state = 'SETTLED', word = 'PAID' where order_id = 'ord_whole'"),
    Planted(
        "provenance.shares", CREDIT, "update journals set saga_id = '' where root = 'mer_1/00' and root_version = 2",
    ),
    Planted("provenance.card_shares", CARD, "delete from events where aggregate_id = 'mer_1/00' and sequence = 2"),
    Planted("provenance.cards", CARD, "update journals set subs[1] = 'crd_2' where op = 'card_issue'"),
    Planted("provenance.given_back", CREDIT, "update repayments set given_back_minor = 5"),
    Planted("provenance.repayments", CREDIT, "update repayments set instrument = 'ELSEWHERE'"),
    Planted("provenance.statements", CREDIT, "update statements set last_operation = last_operation + 1"),
    Planted("provenance.statement_sums", CREDIT, "update statements set amount_minor = amount_minor + 777"),
    Planted(
        "provenance.statement_lines", CREDIT,
        f"update statements set {_set('lines', StatementLine._fields, 'no', 99)}",
    ),
    Planted("provenance.adjustments", CREDIT, "update adjustments set case_id = 'case-8'"),
    Planted(
        "provenance.instants", CREDIT,
        "update journals set posted_at = posted_at + interval '1 day' where root = 'acc_1' and root_version = 6",
    ),
    Planted("provenance.settlements", CARD, "update journals set order_id = 'ord_gift' where order_id = 'ord_whole'"),
    Planted("provenance.logged", CREDIT, "delete from operations where kind = 'CaptureTenders' and number = 6"),
    Planted(
        "provenance.redeemed", CARD, _DONE.format(kind="payout", branches='[["credit_ledger", "ENDED", "", null]]'),
    ),
    Planted("joins.orders", CREDIT, "update credit_accounts set customer_id = 'cus_2'"),
    Planted("joins.orders", ORDER, "update orders set refunds = '[]' where id = 'ord_returned'"),
    Planted("joins.orders", ORDER, "delete from sagas where kind = 'refund' and root = 'ord_returned'"),
    Planted(
        "joins.orders", ORDER,
        "update orders set refunds = replace(refunds::text, 'PENDING_CHANNEL', 'SUCCEEDED')::json",
    ),
    Planted(
        "joins.orders", ORDER,
        f"update orders set {_set('tenders', Tender._fields, 'settled_minor', 7)} where id = 'ord_waiting'",
    ),
    Planted("joins.orders", ORDER, "update return_cases set state = 'REFUNDING'"),
    Planted("joins.orders", ORDER, "delete from return_cases"),
    Planted("joins.orders", CREDIT, "delete from agreements where order_id = 'ord_waiting'"),
    Planted("joins.orders", CREDIT, "delete from payment_references"),
    Planted("joins.orders", CARD, "update gift_cards set customer_id = 'cus_2'"),
    Planted("joins.orders", CARD, "update card_tenders set merchant_id = 'mer_2' where order_id = 'ord_gift'"),
    Planted("joins.agreements", ORDER, "delete from orders where id = 'ord_waiting'"),
    Planted("joins.card_tenders", ORDER, "delete from orders where id = 'ord_waiting'"),
    Planted(
        "joins.unknown", CREDIT,
        "update credit_accounts set pending_saga_id = 'saga_nobody', pending_tried_at = now()",
    ),
    Planted("joins.payments", CREDIT, "update payment_references set order_id = 'ord_gift' where version > 1"),
    Planted("joins.shown", CREDIT, "delete from credit_accounts where id = 'acc_1'"),
    Planted("joins.requests", CREDIT, "delete from inbox where type like '%.RepayResponse'"),
    Planted("joins.card_requests", CARD, "delete from inbox where message_id not like '%/%'"),
    Planted(
        "joins.placements", ORDER,
        "delete from inbox where message_id in (select message_id from inbox where type like '%.PlaceOrder%' limit 1)",
    ),
    Planted("joins.order_requests", ORDER, "delete from inbox where type like '%.PlaceOrderResponse'"),
    Planted(
        "keeping.pruned", CREDIT,
        "insert into runtime_facts values ('pruned_answers_of_requests', '2999-01-01T00:00:00+00:00')",
    ),
    Planted(
        "keeping.parked", ORDER,
        """insert into parked (source, partition, key, message_id, reason, state, parked_at)
           values ('settlement.order.replies.v1', 1, 'ord_returned', 'm', 'UNREADABLE', 'RETRIED', now())""",
    ),
    Planted("keeping.acts", ORDER, f"update sagas set reason = 'OPERATOR_ABORT' where id = {_ENDED}"),
    Planted("keeping.acts", ORDER, "insert into runtime_facts (name, value) values ('stopped', 'refunds')"),
    Planted(
        "clearing.zero", CREDIT,
        journal("X.CLEARING,A.BANK", "5,-5", 'saga_x,""', op="merchant_settle", saga="saga_x"),
    ),
    Planted(
        "journals.units", CARD,
        journal("LIM.HELD,LIM.AVAIL", "5,-5", "crd_1,crd_1", unit="LIMIT", root="crd_1"),
    ),
)
