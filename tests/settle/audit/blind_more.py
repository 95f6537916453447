"""Corruptions of the filled engine that no sum shows: swaps, whole aggregates that vanish, edits that agree in two
tables, and the tables that hold no money."""

from collections.abc import Sequence

from tests.settle.audit.blind_sql import (
    Blind,
    added,
    card,
    credit,
    of_line,
    of_refund,
    of_tender,
    order,
    put,
    swapped,
)

_CASE = "(select id from return_cases where order_id = '{}' and state = '{}' order by id limit 1)"
_ARRIVED = "select id from credit_accounts where customer_id = 'cus_arrived'"
_REFUNDED = _CASE.format("ord_cases", "REFUNDED")
_OLD_CASE = "card_id = 'crd_disputedold_0'"
_LAST_OP = "select max(number) from operations where account_id = 'acc_3'"

SWAPS: Sequence[Blind] = (
    Blind("two accounts exchange their customers", "acc_2", ("accounts.fold", "joins.orders"), (
        credit(swapped("credit_accounts", "customer_id", "acc_2", "acc_3")),
    )),
    Blind("two cards exchange their customers", "crd_2", ("cards.history", "joins.orders"), (
        card(swapped("gift_cards", "customer_id", "crd_2", "crd_3")),
    )),
    Blind("two orders exchange their merchants", "ord_done", ("joins.orders", "orders.history"), (
        order(swapped("orders", "merchant_id", "ord_done", "ord_gift")),
    )),
    Blind("two orders exchange their customers", "ord_cases", ("joins.orders", "orders.history"), (
        order(swapped("orders", "customer_id", "ord_cases", "ord_waits")),
    )),
    Blind("two agreements of one account exchange their plans", "ord_late", ("accounts.fold",), (
        credit(swapped("agreements", "plans", "ord_late", "ord_deferred", key="order_id")),
    )),
    Blind("two legs exchange their payments", "leg_", ("accounts.fold", "provenance.legs"), (
        credit(swapped("legs", "reference", "ord_paid", "ord_refused", key="order_id")),
    )),
    Blind("two operations of an account exchange their bodies", "acc_2", ("accounts.fold", "chains.operations"), (
        credit("""update operations mine set body = other.body from operations other
                  where mine.account_id = 'acc_2' and other.account_id = 'acc_2'
                    and mine.kind = 'Repay' and other.kind = 'Repay'
                    and abs(mine.number - other.number) = (
                        select min(b.number - a.number) from operations a, operations b
                        where a.account_id = 'acc_2' and b.account_id = 'acc_2' and a.kind = 'Repay'
                          and b.kind = 'Repay' and b.number > a.number)"""),
    )),
    Blind("two journals of a card exchange their lines", "crd_3", ("cards.history", "provenance.cards"), (
        card("""update journals mine set amounts = other.amounts from journals other
                where mine.root = 'crd_3' and other.root = 'crd_3' and (mine.op, other.op) in
                    (('deposit', 'capture'), ('capture', 'deposit')) and mine.order_id = 'ord_cases'
                    and other.order_id = 'ord_parts' and abs(mine.amounts[1]) <> abs(other.amounts[1])"""),
    )),
    Blind("more was accepted of a return than came", "ret_", ("orders.history",), (
        order(f"update return_cases set {put('accepted', '0,1', 2)} where id = {_REFUNDED}"),
    )),
)

VANISHED: Sequence[Blind] = (
    Blind("an account vanished with all that it had", "ord_written_off", ("joins.orders", "provenance.logged"), (
        credit("delete from credit_accounts where id = 'acc_5'"),
        credit("delete from agreements where account_id = 'acc_5'"),
        credit("delete from statements where account_id = 'acc_5'"),
        credit("delete from operations where account_id = 'acc_5'"),
        credit("delete from event_checkpoints where aggregate_id = 'acc_5'"),
        credit("delete from journals where root = 'acc_5'"), credit("delete from timers where root = 'acc_5'"),
        credit("delete from events where aggregate_id = 'acc_5'"),
    )),
    Blind("a card vanished with all that it had", "ord_waits", ("joins.orders",), (
        card("delete from gift_cards where id = 'crd_4'"), card("delete from card_tenders where card_id = 'crd_4'"),
        card("delete from journals where root = 'crd_4'"), card("delete from events where aggregate_id = 'crd_4'"),
    )),
    Blind("an account that nobody ever used vanished with all that it had", "acc_6", ("joins.shown",), (
        credit("delete from credit_accounts where id = 'acc_6'"),
        credit("delete from operations where account_id = 'acc_6'"),
        credit("delete from journals where root = 'acc_6'"), credit("delete from events where aggregate_id = 'acc_6'"),
    )),
    Blind("the account of who redeemed vanished with what it was paid", "payout", ("provenance.redeemed",), (
        credit(f"delete from payouts where account_id in ({_ARRIVED})"),
        credit(f"delete from legs where account_id in ({_ARRIVED})"),
        credit(f"delete from operations where account_id in ({_ARRIVED})"),
        credit(f"delete from journals where root in ({_ARRIVED})"),
        credit(f"delete from events where aggregate_id in ({_ARRIVED})"),
        credit("delete from credit_accounts where customer_id = 'cus_arrived'"),
    )),
    Blind("the switch of payouts vanished with all that it had", "payout_switches", ("joins.shown",), (
        credit("delete from payout_switches"), credit("delete from events where aggregate_id = 'payouts'"),
    )),
    Blind("a merchant's share vanished with what told of its payments", "mer_2/00", ("merchants.rooted",), (
        credit("delete from events where aggregate_id = 'mer_2/00'"),
        credit("delete from merchant_shares where id = 'mer_2/00'"),
    )),
    Blind("a share of gift cards vanished with what told of its payments", "mer_2/00", ("merchants.rooted",), (
        card("delete from events where aggregate_id = 'mer_2/00'"),
        card("delete from merchant_shares where id = 'mer_2/00'"),
    )),
    Blind("a journal under what posts nothing", "reconciliation/acquirer", ("merchants.rooted",), (
        credit("""insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs,
                                        amounts)
                  values ('reconciliation/acquirer', 1, 0, 'capture', 'CNY', '', '', now(), '{A.BANK,I.FEE}',
                          array['', ''], '{-5,5}')"""),
    )),
    Blind("a batch vanished long after its end", "REVOKE_BATCH of agr_old", ("record.made",), (
        card("delete from revocation_batches where agreement_id = 'agr_old'"),
    )),
    Blind("a case came from nowhere, of a card whose events were pruned", "disputes dsp_x", ("record.made",), (
        card(f"create temporary table another as select * from disputes where {_OLD_CASE}"),
        card("update another set id = 'dsp_x', opened_at = opened_at + interval '1 second'"),
        card("insert into disputes select * from another"),
    )),
    Blind("the freeze cases of a code vanished long after", "freeze_cases of redemption rdm_", ("record.made",), (
        card("delete from freeze_cases where card_id = 'crd_olddear'"),
    )),
    Blind("a freeze case says that it was opened when nobody was denied", "freeze_cases frz_", ("record.made",), (
        card("update freeze_cases set opened_at = opened_at - interval '1 hour' where card_id = 'crd_olddear'"),
    )),
    Blind("who completed what was reversed for a fault vanished", "redeemers cus_fault", ("redeemers.known",), (
        card("delete from redeemers where id = 'cus_fault'"),
    )),
    Blind("a card that was only issued vanished with all that it had", "crd_5", ("record.named",), (
        card("delete from gift_cards where id = 'crd_5'"), card("delete from journals where root = 'crd_5'"),
        card("delete from events where aggregate_id = 'crd_5'"),
    )),
    Blind("a year's working days vanished with all that told of them", "cal_2026", ("record.named",), (
        card("delete from events where aggregate_id in (select id from calendars)"), card("delete from calendars"),
    )),
    Blind("an enterprise's agreement vanished with all that told of it", "agr_1", ("record.named",), (
        card("delete from events where aggregate_id = 'agr_1'"),
        card("delete from revocation_batches where agreement_id = 'agr_1'"),
        card("delete from agreement_years where agreement_id = 'agr_1'"),
        card("delete from enterprise_agreements where id = 'agr_1'"),
    )),
    Blind("who cancelled under a cap vanished", "cus_capped", ("redeemers.known",), (
        card("delete from redeemers where id = 'cus_capped'"),
    )),
    Blind("an order vanished with all that it had, long after its end", "ord_deferred", ("joins.agreements",), (
        order("delete from orders where id = 'ord_deferred'"),
        order("delete from saga_digests where root = 'ord_deferred'"),
        order("delete from event_checkpoints where aggregate_id = 'ord_deferred'"),
        order("delete from events where aggregate_id = 'ord_deferred'"),
    )),
    Blind(
        "an agreement vanished with its operations", "ord_flash_confirmed", ("accounts.fold", "chains.operations"), (
        credit("delete from agreements where order_id = 'ord_flash_confirmed'"),
        credit("delete from credit_refunds where order_id = 'ord_flash_confirmed'"),
        credit("delete from operations where order_id = 'ord_flash_confirmed'"),
        credit("delete from journals where order_id = 'ord_flash_confirmed'"),
    )),
    Blind("the last repayment vanished from the log, the book and the account", "acc_3", ("accounts.fold",), (
        credit("delete from repayments where account_id = 'acc_3' and number = "
               "(select max(number) from repayments where account_id = 'acc_3')"),
        credit(f"delete from operations where account_id = 'acc_3' and number = ({_LAST_OP})"),
        credit(f"update credit_accounts set operations = ({_LAST_OP}) where id = 'acc_3'"),
    )),
    Blind("a return case that was refunded vanished", "ord_cases", ("joins.orders", "orders.history"), (
        order(f"delete from return_cases where id = {_REFUNDED}"),
    )),
    Blind("a leg that waits for a person vanished", "ord_refused", ("accounts.fold", "joins.orders"), (
        credit("delete from legs where order_id = 'ord_refused'"),
    )),
    Blind("a settlement with a merchant vanished, and its saga", "saga_", ("joins.unknown",), (
        order("delete from sagas where root = 'mer_2/mst_4'"),
        order("delete from merchant_settlements where id = 'mer_2/mst_4'"),
    )),
    Blind("an adjustment by hand vanished", "adj_", ("accounts.fold", "provenance.adjustments"), (
        credit("delete from adjustments where case_id = 'case-7'"),
    )),
    Blind("a difference with the rail vanished", "leg_strange", ("rails.differences",), (
        credit("delete from rail_differences where key = 'leg_strange'"),
    )),
    Blind("the comparison with the rail vanished", "reconciliation/acquirer", ("chains.of_credit",), (
        credit("delete from reconciliations"),
    )),
    Blind("the digest of a settlement vanished", "ord_done", ("joins.orders", "joins.unknown"), (
        order("delete from saga_digests where root = 'ord_done' and kind = 'capture'"),
    )),
)

AGREED: Sequence[Blind] = (
    Blind("an order and the ledger agree on a fen more refunded", "ord_late", ("accounts.fold", "joins.orders"), (
        order(f"update orders set {added('tenders', of_tender('refunded_minor'), 1)} where id = 'ord_late'"),
        order(f"update orders set {added('refunds', of_refund('amount_minor'), 1)} where id = 'ord_late'"),
        credit(f"update agreements set {added('refunded', '0', 1)} where order_id = 'ord_late'"),
    )),
    Blind("a card's refund is a fen more, in its tender, its value, and its book", "crd_3", ("cards.history",), (
        card(f"update card_tenders set {added('refunds', '0,1', 1)} where order_id = 'ord_cases'"),
        card("update gift_cards set balance_minor = balance_minor + 1 where id = 'crd_3'"),
        card("""update journals set amounts = array[amounts[1] + sign(amounts[1])::bigint,
                                                    amounts[2] + sign(amounts[2])::bigint]
                where ctid = (select min(ctid) from journals where order_id = 'ord_cases' and op = 'refund'
                                                               and cardinality(amounts) = 2)"""),
    )),
    Blind("an order and its card agree on another card", "ord_done", ("cards.history", "joins.orders"), (
        order(f"update orders set {put('tenders', of_tender('reference', 2), 'crd_3')} where id = 'ord_done'"),
        card("update card_tenders set card_id = 'crd_3' where order_id = 'ord_done'"),
    )),
    Blind("an order and its agreement agree on another merchant", "ord_late", ("accounts.fold", "joins.orders"), (
        order("update orders set merchant_id = 'mer_1' where id = 'ord_late'"),
        credit("update agreements set merchant_id = 'mer_1' where order_id = 'ord_late'"),
    )),
    Blind("a leg and its refund's order agree on another amount", "ord_paid", ("accounts.fold", "orders.history"), (
        credit("update legs set amount_minor = amount_minor - 1 where order_id = 'ord_paid'"),
        order(f"update orders set {added('tenders', of_tender('settled_minor', 2), -1)} where id = 'ord_paid'"),
    )),
    Blind("a funding is less, in its body, what it moved, the journal and the wallet", "acc_3", ("accounts.fold",), (
        credit(f"""update operations set {put('body', 'amount_minor', 1)}, moved = '[["wallet", 1]]'
                   where kind = 'FundWallet' and account_id = 'acc_3'"""),
        credit("""update journals set amounts = array(select sign(a)::bigint from unnest(amounts) a)
                  where root = 'acc_3' and op = 'wallet_fund'"""),
        credit("update credit_accounts set wallet_minor = wallet_minor - 500002 where id = 'acc_3'"),
    )),
    Blind(
        "terms say another fee, in the order and in the agreement", "ord_late", ("accounts.fold", "orders.history"), (
        order(f"update orders set {put('details', 'terms,fee_ppm', 1)} where id = 'ord_late'"),
        credit(f"update agreements set {put('terms', 'fee_ppm', 1)} where order_id = 'ord_late'"),
    )),
)

STATES: Sequence[Blind] = (
    Blind("a withdrawn return case is requested again", "ret_", ("orders.history", "states.orders"), (
        order("update return_cases set state = 'REQUESTED' where state = 'WITHDRAWN'"),
    )),
    Blind("a refunded return case expired", "ret_", ("joins.orders", "orders.history"), (
        order(f"update return_cases set state = 'EXPIRED' where id = {_CASE.format('ord_waits', 'REFUNDED')}"),
    )),
    Blind("a deduction that was given back stands", "ret_", ("orders.history", "states.orders"), (
        order(f"""update return_cases set {put('details', 'deduction_state', 'TAKEN')}
                  where details ->> 'deduction_state' = 'GIVEN_BACK'"""),
    )),
    Blind("a suspended account is active", "acc_5", ("accounts.fold",), (
        credit("update credit_accounts set state = 'ACTIVE' where id = 'acc_5'"),
    )),
    Blind("a written-off agreement owes again", "ord_written_off", ("accounts.fold", "states.accounts"), (
        credit("update agreements set state = 'EFFECTIVE' where order_id = 'ord_written_off'"),
    )),
    Blind("a payment that was charged back is refundable again", "ord_charged_back", ("accounts.fold",), (
        credit("update agreements set charged_back_at = null where order_id = 'ord_charged_back'"),
    )),
    Blind("a refund at the flash network that is late only waits", "ord_flash_too_late", ("joins.orders",), (
        credit("update credit_refunds set state = 'PENDING_CHANNEL' where order_id = 'ord_flash_too_late'"),
        credit("""insert into timers (kind, key, root, partition, due_at)
                  select 'flash_timeout', id, account_id, 0, now() from credit_refunds
                  where order_id = 'ord_flash_too_late'"""),
    )),
    Blind("a completed order can be returned again", "ord_done", ("states.orders",), (
        order("update orders set state = 'PARTIALLY_REFUNDED' where id = 'ord_done'"),
    )),
    Blind("a refused settlement with a merchant was paid", "mer_2/mst_5", ("merchants.history",), (
        order("update merchant_settlements set state = 'SETTLED', reason = '' where id = 'mer_2/mst_5'"),
    )),
    Blind("a settlement with a merchant says another amount", "mer_2/mst_4", ("merchants.history",), (
        order("update merchant_settlements set amount_minor = amount_minor + 1 where id = 'mer_2/mst_4'"),
    )),
    Blind("the comparison with the rail rests amid a page", "reconciliation/acquirer", ("states.reconciliation",), (
        credit("update reconciliations set state = 'IDLE'"),
    )),
    Blind("a difference with the rail is resolved that was never", "leg_strange", ("rails.differences",), (
        credit("update rail_differences set resolved_at = opened_at where key = 'leg_strange'"),
    )),
)

WOKEN: Sequence[Blind] = (
    Blind("nobody approves a return by time", "ret_", ("states.orders",), (
        order("delete from timers where kind = 'auto_approve'"),
    )),
    Blind("a return's waybill is awaited for ever", "ret_", ("states.orders",), (
        order("update timers set due_at = due_at + interval '30 days' where kind = 'waybill_expiry'"),
    )),
    Blind("the after-sale time of an order ends too early", "ord_waits", ("orders.history", "states.orders"), (
        order("update orders set state = 'COMPLETED' where id = 'ord_waits'"),
        order("delete from timers where kind = 'after_sale' and key = 'ord_waits'"),
    )),
    Blind("a timer never comes", "timer hold_expiry of ord_held", ("states.orders",), (
        order("update timers set due_at = 'infinity' where kind = 'hold_expiry' and key = 'ord_held'"),
    )),
    Blind("a timer wakes another order", "ord_held", ("states.orders",), (
        order("update timers set root = 'ord_waits' where kind = 'hold_expiry' and key = 'ord_held'"),
    )),
    Blind("a timer stands where no lane of its order looks", "ord_held", ("states.orders",), (
        order("update timers set partition = partition + 1 where kind = 'hold_expiry' and key = 'ord_held'"),
    )),
    Blind("nobody compares with the rail any more", "reconciliation/acquirer", ("states.reconciliation",), (
        credit("delete from timers where kind = 'reconcile'"),
    )),
    Blind("a statement cut is a month late, in the account too", "acc_4", ("accounts.fold", "states.accounts"), (
        credit("update credit_accounts set next_cut_at = next_cut_at + interval '30 days' where id = 'acc_4'"),
        credit("update timers set due_at = due_at + interval '30 days' where kind = 'statement_cut' and key = 'acc_4'"),
    )),
)

RUNTIME: Sequence[Blind] = (
    Blind("answers count as pruned that were not", "pruned_answers_of_branches", ("keeping.pruned",), (
        credit("update runtime_facts set value = '2030-01-01T00:00:00+00:00' where name like 'pruned_answers%'"),
        credit("delete from inbox where message_id like '%/F'"),
    )),
    Blind("an answer says that a refused placement was done", "saga_", ("joins.merchant_answers",), (
        card("update inbox set verdict = 'DONE' where verdict = 'REFUSED' and message_id like '%/T'"),
    )),
    Blind("the answer of a settlement with a merchant is gone: it would be begun again", "saga_", ("joins.begun",), (
        order("""delete from inbox where message_id = (select message_id from inbox
                 where type like '%.MerchantSettlement' order by decided_at desc, message_id limit 1)"""),
    )),
    Blind("a logged capture is of another order", "acc_2/", ("provenance.logged", "chains.operations"), (
        credit("update operations set order_id = 'ord_x' where kind = 'CaptureTenders' and order_id = 'ord_late'"),
    )),
    Blind("an answer of a branch is empty", "saga_", ("joins.answers", "joins.merchant_answers"), (
        credit("update inbox set outcome = '' where message_id like '%/T' and verdict = 'DONE'"),
    )),
    Blind("old events vanished, with a checkpoint that says so", "ord_cases", ("chains.events",), (
        order("""insert into event_checkpoints (aggregate_id, sequence, hash, made_at)
                 select 'ord_cases', 3, '\\x1234', now()"""),
        order("delete from events where aggregate_id = 'ord_cases' and sequence <= 3"),
    )),
    Blind("the checkpoint of pruned events has another hash", "ord_done", ("chains.events",), (
        order("update event_checkpoints set hash = sha256('x'::bytea) where aggregate_id = 'ord_done'"),
    )),
    Blind("an event was added behind the last, and counted", "ord_held", ("chains.events", "orders.history"), (
        order("""insert into events (aggregate_id, sequence, type, at, saga_id, payload)
                 select aggregate_id, sequence + 1, type, at, saga_id, payload from events
                 where aggregate_id = 'ord_held' order by sequence desc limit 1"""),
        order("update orders set sequence = sequence + 1 where id = 'ord_held'"),
    )),
    Blind("a settlement's participant answered something else", "saga_", ("sagas.branches",), (
        order("""update sagas set branches = replace(branches::text, 'ENDED', 'TRIED')::json
                 where root = 'ord_cases' and kind = 'refund'"""),
    )),
    Blind("a digest's money is other money", "ord_done", ("joins.orders", "orders.history"), (
        order(f"""update saga_digests set {added('plan', 'money,5,0,1', 1)}
                  where root = 'ord_done' and kind = 'capture'"""),
    )),
    Blind("a message that was set aside counts as retried, by nobody", "parked 2", ("keeping.parked",), (
        order("update parked set state = 'RETRIED' where key = 'key_1'"),
    )),
)

DETAILS: Sequence[Blind] = (
    Blind("more was given back of a repayment than was", "rep_", ("accounts.fold",), (
        credit("""update repayments set given_back_minor = amount_minor
                  where account_id = 'acc_2' and given_back_minor = 0"""),
    )),
    Blind("a line of a statement owes more, another less", "acc_2", ("accounts.fold", "provenance.statement_sums"), (
        credit(f"""update statements set {added('lines', '0,3', 1)}
                   where account_id = 'acc_2' and bill_date = (select max(bill_date) from statements
                                                                where account_id = 'acc_2')"""),
    )),
    Blind("an account is billed on another day", "acc_4", ("accounts.fold", "states.accounts"), (
        credit("update credit_accounts set bill_day = bill_day + 1 where id = 'acc_4'"),
    )),
    Blind("a merchant's line returned a piece that it did not", "ord_cases", ("orders.history", "states.orders"), (
        order(f"update orders set {added('lines', of_line('returned'), -1)} where id = 'ord_cases'"),
        order(f"update orders set {added('lines', of_line('returning'), 1)} where id = 'ord_cases'"),
    )),
    Blind("an adjustment by hand was another amount", "adj_", ("accounts.fold", "provenance.adjustments"), (
        credit(f"update adjustments set {added('lines', '0,1', 1)} where case_id = 'case-7'"),
    )),
    Blind("a leg's refund is another one", "leg_", ("accounts.fold", "joins.orders"), (
        credit("update legs set refund_id = 'rfd_nobody' where order_id = 'ord_pending'"),
    )),
    Blind("a journal is a year older", "acc_3", ("accounts.fold", "provenance.journals"), (
        credit("""update journals set posted_at = posted_at - interval '1 year'
                  where root = 'acc_3' and op = 'wallet_fund'"""),
    )),
    Blind("a deposit is a second older than the answer", "crd_3/2", ("provenance.meanwhile",), (
        card("""update journals set posted_at = posted_at - interval '1 second'
                where root = 'crd_3' and root_version = 2"""),
    )),
    Blind("a hold is some minutes older than the answer", "acc_5", ("provenance.meanwhile",), (
        credit("""update journals set posted_at = posted_at - interval '18 minutes'
                  where root = 'acc_5' and op = 'authorize' and order_id = 'ord_written_off'"""),
    )),
    Blind("less of a coupon was captured", "ord_done", ("joins.orders", "orders.history"), (
        order(f"update orders set {added('coupon', '1', -1)} where id = 'ord_done'"),
    )),
)

BLIND: Sequence[Blind] = (*SWAPS, *VANISHED, *AGREED, *STATES, *WOKEN, *RUNTIME, *DETAILS)
