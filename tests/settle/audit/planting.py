"""SQL that breaks a promise: what violations are made of."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from services.credit_ledger.domain.model.instalment import Instalment
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


def changed(column: str, fields: Sequence[str], field: str, amount_minor: int, where: str = "") -> str:
    """Another amount in the place of a field of the list at `where` in a column, its first item if left out."""
    path = f"{where or '0'},{fields.index(field)}"
    return f"{column} = jsonb_set({column}::jsonb, '{{{path}}}', '{amount_minor}')"


REDEEMER = """
insert into redeemers (id, completed, cancelled_day, cancelled_minor, restricted, version, pending_saga_id)
values ('cus_1', {completed}, '0001-01-01', 0, '', 1, {claimed})"""
CLAIMED = """pending_tried_at = now(),
    pending_saga_id = (select split_part(message_id, '/', 1) from inbox where message_id like '%/F' limit 1)"""
DONE = """insert into sagas (id, root, kind, definition_version, phase, decision, started_at, deadline_at, updated_at,
                              version, plan, branches)
           select 'saga_x', 'crd_1', '{kind}', 1, 'DONE', 'COMMIT', at, at, at, 3, '{{}}', '{branches}'
           from (select '2026-01-02'::timestamptz at) long_ago"""
ENDED = "(select id from sagas where kind = 'refund' and phase = 'DONE' limit 1)"


def paid(amount_minor: int) -> str:
    """So much was paid of the sixth instalment."""
    return changed("plans", Instalment._fields, "paid_minor", amount_minor, "0,instalments,5")


_TERMS = msgspec.json.encode(T1).decode()
UNTOLD_REDEMPTION = f"""
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
    return f"{UNTOLD_REDEMPTION}; {told}"
