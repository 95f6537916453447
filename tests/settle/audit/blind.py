"""Corruptions of the story that no sum shows: each must be found, and its row named (findings: proto_blind)."""

from collections.abc import Sequence

from tests.settle.audit.blind_sql import (
    Blind,
    added,
    again,
    card,
    credit,
    moved_instalment,
    of_instalment,
    of_line,
    of_refund,
    of_tender,
    order,
    posted,
    put,
)

_FIRST_FUNDING = "root = 'acc_1' and op = 'wallet_fund'"
_LESS = "array(select case abs(a) when 300000 then a - sign(a)::bigint else a end from unnest(amounts) a)"
_CARD_2 = """
insert into gift_cards (id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version)
select 'crd_2', customer_id, face_minor, 100, issued_at, 0, 0, 1 from gift_cards where id = 'crd_1'"""
_CARD_1 = "update gift_cards set balance_minor = balance_minor - 100 where id = 'crd_1'"
_OF_ORDER = "where order_id = 'ord_flash'"
_SETTLED = """update legs set state = 'SETTLED', word = 'PAID' where order_id = 'ord_whole'"""
_P7 = posted("acc_1", "card_refund_settled", "L.REFUND.TRANSIT.CARD,A.CARD.CHANNEL", "30000,-30000",
             order_id="ord_whole")
_NO_LEG_TIMER = "delete from timers where kind = 'leg' and key in (select id from legs where order_id = 'ord_whole')"

MONEY: Sequence[Blind] = (
    Blind("one fen less of a funding, in its journal and in the wallet", "acc_1", ("accounts.fold",), (
        credit(f"update journals set amounts = {_LESS} where {_FIRST_FUNDING}"),
        credit("update credit_accounts set wallet_minor = wallet_minor - 1 where id = 'acc_1'"),
    )),
    Blind("a funding vanished from the book and from the wallet", "acc_1", ("accounts.fold", "provenance.journals"), (
        credit(f"delete from journals where {_FIRST_FUNDING}"),
        credit("update credit_accounts set wallet_minor = wallet_minor - 300000 where id = 'acc_1'"),
    )),
    Blind("a funding was applied twice", "acc_1", ("accounts.fold", "provenance.journals"), (
        credit(again(_FIRST_FUNDING)),
        credit("update credit_accounts set wallet_minor = wallet_minor + 300000 where id = 'acc_1'"),
    )),
    Blind("a journal between two accounts of the company", "acc_1", ("accounts.fold", "provenance.journals"), (
        credit(posted("acc_1", "capture", "A.BANK,I.FEE", "-50000,50000")),
    )),
    Blind("two wrong amounts in one journal that make up for each other", "acc_1", ("accounts.fold",), (
        credit(posted("acc_1", "capture", "A.BANK,A.BANK", "-50000,50000")),
    )),
    Blind("a part of an instalment's principal moved to the next", "ord_flash", ("accounts.fold",), (
        credit(moved_instalment("principal_minor", 9, 10, -100, "order_id = 'ord_flash'")),
    )),
    Blind("another fee of an instalment that is not billed", "ord_flash", ("accounts.fold",), (
        credit(f"update agreements set {put('plans', of_instalment('fee_initial_minor', 10), 99999)} {_OF_ORDER}"),
        credit(f"update agreements set {put('plans', of_instalment('fee_minor', 10), 99999)} {_OF_ORDER}"),
    )),
    Blind("an instalment is billed and due ten years later", "ord_flash", ("accounts.fold",), (
        credit(f"update agreements set {put('plans', of_instalment('bill_date', 10), '2036-01-05')} {_OF_ORDER}"),
        credit(f"update agreements set {put('plans', of_instalment('due_date', 10), '2036-01-15')} {_OF_ORDER}"),
    )),
    Blind("an agreement with debt is not open any more: nobody bills it", "ord_flash", ("accounts.fold",), (
        credit(f"update agreements set open = false {_OF_ORDER}"),
    )),
    Blind("an account with debt has no cut to come, and no timer", "acc_1", ("accounts.fold", "states.accounts"), (
        credit("update credit_accounts set next_cut_at = null where id = 'acc_1'"),
        credit("delete from timers where kind = 'statement_cut' and key = 'acc_1'"),
    )),
    Blind("a statement of another amount", "acc_1", ("accounts.fold", "provenance.statement_sums"), (
        credit("update statements set amount_minor = amount_minor + 777"),
    )),
    Blind("a statement vanished", "acc_1", ("accounts.fold", "provenance.statements"), (
        credit("delete from statements"),
    )),
    Blind("the limit was raised with a journal, without an operation", "acc_1", ("accounts.fold",), (
        credit("update credit_accounts set granted_minor = granted_minor + 1000000 where id = 'acc_1'"),
        credit(posted("acc_1", "grant", "LIM.AVAIL,LIM.GRANT", "1000000,-1000000", subs="acc_1,acc_1", unit="LIMIT")),
    )),
    Blind(
        "a repayment vanished: nothing can be given back of it", "rep_", ("accounts.fold", "provenance.repayments"), (
            credit("delete from repayments"),
        ),
    ),
    Blind("the company's cash was booked away", "acc_1/2/0", ("accounts.fold", "provenance.journals"), (
        credit("""update journals set accounts = array(select case a when 'A.BANK' then 'X.NOWHERE' else a end
                                                       from unnest(accounts) a) where 'A.BANK' = any (accounts)"""),
    )),
    Blind("counters of an account are wrong", "acc_1", ("accounts.fold",), (
        credit("update credit_accounts set stated_operations = 0, shipments = 99 where id = 'acc_1'"),
    )),
)

OF_THE_RAIL: Sequence[Blind] = (
    Blind("a settled leg says more than was booked when it settled", "ord_whole", ("accounts.fold", "joins.orders"), (
        credit(_SETTLED), credit("update legs set amount_minor = amount_minor + 500 where order_id = 'ord_whole'"),
        credit(_P7), credit(_NO_LEG_TIMER),
    )),
    Blind("a leg is settled, and half of it was booked", "ord_whole", ("accounts.fold", "joins.orders"), (
        credit(_SETTLED), credit(_NO_LEG_TIMER),
        credit(posted("acc_1", "card_refund_settled", "L.REFUND.TRANSIT.CARD,A.CARD.CHANNEL", "15000,-15000",
                      order_id="ord_whole")),
        credit(posted("acc_1", "card_refund_settled", "L.REFUND.TRANSIT.CARD,A.BANK", "15000,-15000",
                      order_id="ord_whole")),
    )),
    Blind("a leg settled that its order never heard of", "ord_whole", ("accounts.fold", "joins.orders"), (
        credit(_SETTLED), credit(_P7), credit(_NO_LEG_TIMER),
    )),
    Blind("an order was told of a leg that did not settle", "ord_whole", ("joins.orders", "orders.history"), (
        order(f"update orders set {put('tenders', of_tender('settled_minor', 2), 12345)} where id = 'ord_whole'"),
    )),
    Blind("the order says its flash refund succeeded, the ledger that it waits", "ord_flash", ("joins.orders",), (
        order(f"update orders set {put('refunds', of_refund('state'), 'SUCCEEDED')} where id = 'ord_flash'"),
    )),
    Blind("which order a payment serves was forgotten", "payment-of-ord_whole", ("accounts.fold", "joins.orders"), (
        credit("delete from payment_references where id = 'payment-of-ord_whole'"),
    )),
)

LOGS: Sequence[Blind] = (
    Blind("an operation's body says another amount", "acc_1/00000002", ("accounts.fold", "chains.operations"), (
        credit(f"update operations set {put('body', 'amount_minor', 1)} where kind = 'FundWallet'"),
    )),
    Blind("what an operation moved is empty", "acc_1", ("accounts.fold", "chains.operations"), (
        credit("update operations set moved = '[]', facts = '{}' where account_id = 'acc_1'"),
    )),
    Blind("the last event of an order is gone", "ord_waiting", ("chains.events", "orders.history"), (
        order("""delete from events where aggregate_id = 'ord_waiting' and sequence =
                 (select max(sequence) from events where aggregate_id = 'ord_waiting')"""),
    )),
    Blind("the last event of an order is gone, and its number was lowered", "ord_returned", ("chains.events",), (
        order("""delete from events where aggregate_id = 'ord_returned' and sequence =
                 (select max(sequence) from events where aggregate_id = 'ord_returned')"""),
        order("update orders set sequence = sequence - 1 where id = 'ord_returned'"),
    )),
    Blind("what an event says was changed", "ord_returned", ("chains.events", "orders.history"), (
        order("update events set payload = '\\x00' where aggregate_id = 'ord_returned' and sequence = 2"),
    )),
    Blind("the event of a payment to a merchant is lost", "mer_1/", ("chains.events", "provenance.shares"), (
        credit("""delete from events where aggregate_id = (select min(aggregate_id) from events
                                                           where aggregate_id like 'mer_1/%')"""),
    )),
    Blind("two events of an account changed places", "acc_1", ("chains.events", "provenance.events"), (
        credit("update events set sequence = 1000 where aggregate_id = 'acc_1' and sequence = 5"),
        credit("update events set sequence = 5 where aggregate_id = 'acc_1' and sequence = 6"),
        credit("update events set sequence = 6 where aggregate_id = 'acc_1' and sequence = 1000"),
    )),
    Blind("the answers of all requests are gone: a retry applies twice", "2026-01-02", ("joins.requests",), (
        credit("delete from inbox where message_id not like '%/%'"),
    )),
    Blind("the answers of all branches are gone", "saga_", ("sagas.answers",), (
        credit("delete from inbox where message_id like '%/T'"),
    )),
)

OF_OTHERS: Sequence[Blind] = (
    Blind("the release of a cancelled order was never booked", "ord_cancelled", ("accounts.fold",), (
        credit("delete from journals where order_id = 'ord_cancelled' and op = 'release'"),
    )),
    Blind("a capture was booked to another merchant", "acc_1/10/1", ("accounts.fold", "provenance.journals"), (
        credit("""insert into merchant_shares (id, merchant_id, payable_minor, receivable_minor, sequence, version)
                  values ('mer_9/00', 'mer_9', 40000, 0, 0, 1)"""),
        credit("""update merchant_shares set payable_minor = payable_minor - 40000 where id =
                  (select id from merchant_shares where merchant_id = 'mer_1' and payable_minor >= 40000 limit 1)"""),
        credit("""update journals set subs = array_replace(subs, 'mer_1', 'mer_9')
                  where order_id = 'ord_flash' and op = 'capture' and unit = 'CNY'"""),
    )),
    Blind("value went from one card to another, with a journal", "crd_", ("cards.history", "joins.card_requests"), (
        card(_CARD_2), card(_CARD_1),
        card(posted("crd_1", "card_issue", "L.GIFTCARD,L.GIFTCARD", "100,-100", subs="crd_1,crd_2")),
    )),
    Blind("value went from one card to another, without one", "crd_1", ("cards.history", "joins.card_requests"), (
        card(_CARD_2), card(_CARD_1),
    )),
    Blind("a card belongs to somebody else", "crd_1", ("cards.history", "joins.orders"), (
        card("update gift_cards set customer_id = 'cus_evil'"),
    )),
    Blind("an account belongs to somebody else", "acc_1", ("accounts.fold", "joins.orders"), (
        credit("update credit_accounts set customer_id = 'cus_evil'"),
    )),
    Blind("an agreement is of another merchant", "ord_flash", ("accounts.fold", "joins.orders"), (
        credit(f"update agreements set merchant_id = 'mer_9' {_OF_ORDER}"),
    )),
    Blind("an agreement that owes is a draft again", "ord_flash", ("accounts.fold", "states.accounts"), (
        credit(f"update agreements set state = 'DRAFT' {_OF_ORDER}"),
    )),
    Blind("a card's refund was booked under another order of the merchant", "ord_returned", ("cards.history",), (
        card("update journals set order_id = 'ord_gift' where order_id = 'ord_returned' and op = 'refund'"),
    )),
    Blind("an account is claimed by a settlement that nobody knows", "saga_nobody", ("joins.unknown",), (
        credit("update credit_accounts set pending_saga_id = 'saga_nobody', pending_tried_at = now()"),
    )),
)

WAITING: Sequence[Blind] = (
    Blind("nothing wakes the hold of an order that did not ship", "ord_waiting", ("states.orders",), (
        order("delete from timers where kind = 'hold_expiry' and key = 'ord_waiting'"),
    )),
    Blind("timers of the credit ledger are due in the year 3000", "leg_", ("states.accounts",), (
        credit("update timers set due_at = '3000-01-01' where kind <> 'statement_cut'"),
    )),
    Blind("timers of orders are due in the year 3000", "ord_waiting", ("states.orders",), (
        order("update timers set due_at = '3000-01-01'"),
    )),
    Blind("a hold expires in 2099", "ord_waiting", ("accounts.fold", "states.accounts"), (
        credit(f"update agreements set {put('hold', 'expires_at', '2099-01-01T00:00:00Z')} "
               "where order_id = 'ord_waiting'"),
    )),
    Blind(
        "a return case refunds for ever, its settlement is over", "ret_x", ("joins.order_requests", "joins.orders"), (
        order("""insert into return_cases (id, order_id, state, settlement_id, version, requested_at, updated_at,
                                           deadline_at, lines, accepted, details)
                 select 'ret_x', 'ord_returned', 'REFUNDING', id, 1, now(), now(), null, '[]', '[]', '{}'
                 from sagas where kind = 'refund' and phase = 'DONE' and root = 'ord_returned' limit 1"""),
    )),
)

ORDERS: Sequence[Blind] = (
    Blind("an order vanished with all that it had; its credit is still held", "ord_waiting", ("joins.agreements",), (
        order("delete from orders where id = 'ord_waiting'"), order("delete from sagas where root = 'ord_waiting'"),
        order("delete from events where aggregate_id = 'ord_waiting'"),
        order("delete from timers where root = 'ord_waiting'"),
    )),
    Blind("the settlement of a refund vanished", "ord_returned", ("joins.orders", "joins.unknown"), (
        order("delete from sagas where root = 'ord_returned' and kind = 'refund'"),
    )),
    Blind("the money of a line that shipped was reset", "ord_whole", ("orders.history", "states.orders"), (
        order(f"update orders set {put('lines', of_line('captured_minor'), 0)} where id = 'ord_whole'"),
    )),
    Blind(
        "what a line costs was changed, what was paid was not", "ord_returned", ("orders.history", "states.orders"), (
        order(f"update orders set {put('lines', of_line('payable_minor'), 1)} where id = 'ord_returned'"),
    )),
    Blind("the refunds of an order are gone", "ord_returned", ("joins.orders", "orders.history"), (
        order("update orders set refunds = '[]' where id = 'ord_returned'"),
    )),
    Blind("an order that shipped and was refunded waits for its shipment", "ord_returned", ("orders.history",), (
        order("update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_returned'"),
    )),
    Blind("an order is being placed by no settlement", "ord_waiting", ("orders.history", "states.orders"), (
        order("update orders set state = 'PLACING' where id = 'ord_waiting'"),
    )),
    Blind("a rejected order waits for its shipment, with nothing held", "ord_rejected", ("orders.history",), (
        order("update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_rejected'"),
    )),
    Blind(
        "the plan of a settlement that is over moves other money", "ord_waiting", ("joins.answers", "joins.orders"), (
        order(f"update sagas set {added('plan', 'money,5,0,1', -1)} where kind = 'placement' and root = 'ord_waiting'"),
    )),
)

BLIND: Sequence[Blind] = (*MONEY, *OF_THE_RAIL, *LOGS, *OF_OTHERS, *WAITING, *ORDERS)
