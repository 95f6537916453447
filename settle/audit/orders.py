"""One order, two books: what the coordinator says was paid, released and refunded is what the books did (U3, I-1)."""

from settle.audit.findings import CARD, CREDIT, ORDER, Check

CHECKS = (  # rows are spread over their figures only where one of these differs: else that took half of the time
    Check(
        "sagas.moved", "a committed settlement moved exactly the money of its plan in the credit book", (CREDIT,),
        """select concat_ws(' ', s.id, s.kind, s.root, s.account_id, s.card_id, v.name), v.planned::text, v.posted::text
           from audit_settlements s
           left join (
               select saga_id, sum(amount_minor) filter (where account = 'LIM.HELD') held,
                      sum(amount_minor) filter (where account = 'L.DEPOSIT') deposit,
                      sum(amount_minor) filter (where account in ('L.MERCH.PAY', 'A.MERCH.RECV', 'X.CLEARING')) merchant
               from entries
               where saga_id <> '' and account in ('LIM.HELD', 'L.DEPOSIT', 'L.MERCH.PAY', 'A.MERCH.RECV', 'X.CLEARING')
               group by saga_id
           ) e on e.saga_id = s.id
           cross join lateral (select s.credit_minor + s.deposit_minor + s.coupon_minor total) t
           cross join lateral (
               select case s.kind when 'placement' then s.credit_minor when 'capture' then -s.credit_minor
                                  when 'cancellation' then -s.credit_minor else 0 end held,
                      case s.kind when 'placement' then -s.deposit_minor when 'capture' then s.deposit_minor
                                  when 'cancellation' then s.deposit_minor else 0 end deposit,
                      case s.kind when 'capture' then -t.total when 'refund' then t.total
                                  when 'refund_reversal' then -t.total else 0 end merchant
           ) p
           cross join lateral (values
               ('held', p.held, coalesce(e.held, 0)), ('deposit', p.deposit, coalesce(e.deposit, 0)),
               ('merchant', p.merchant, coalesce(e.merchant, 0))
           ) v (name, planned, posted)
           where s.decision = 'COMMIT' and s.kind <> 'merchant_settlement' and v.planned <> v.posted
             and (p.held, p.deposit, p.merchant)
                 <> (coalesce(e.held, 0), coalesce(e.deposit, 0), coalesce(e.merchant, 0))""",
    ),
    Check(
        "sagas.moved_cards", "a committed settlement moved exactly the money of its plan in the card book", (CARD,),
        """select concat_ws(' ', s.id, s.kind, s.root, s.account_id, s.card_id, v.name), v.planned::text, v.posted::text
           from audit_settlements s
           left join (
               select saga_id, sum(amount_minor) filter (where account = 'L.GIFTCARD') card,
                      sum(amount_minor) filter (where account = 'L.DEPOSIT') deposit
               from entries where saga_id <> '' and account in ('L.GIFTCARD', 'L.DEPOSIT') group by saga_id
           ) e on e.saga_id = s.id
           cross join lateral (
               select case s.kind when 'placement' then s.gift_minor when 'refund_reversal' then s.gift_minor
                                  when 'capture' then 0 else -s.gift_minor end card,
                      case s.kind when 'placement' then -s.gift_minor when 'capture' then s.gift_minor
                                  when 'cancellation' then s.gift_minor else 0 end deposit
           ) p
           cross join lateral (values
               ('card', p.card, coalesce(e.card, 0)), ('deposit', p.deposit, coalesce(e.deposit, 0))
           ) v (name, planned, posted)
           where s.decision = 'COMMIT' and s.kind <> 'merchant_settlement' and v.planned <> v.posted
             and (p.card, p.deposit) <> (coalesce(e.card, 0), coalesce(e.deposit, 0))""",
    ),
)

QUIET = (
    Check(
        "orders.tenders", "per tender: captured, released and refunded are what the credit ledger did", (CREDIT,),
        """select o.id || ' ' || o.tender,
                  concat_ws(' ', o.amount_minor, o.captured_minor, o.released_minor, o.refunded_minor),
                  coalesce(concat_ws(' ', h.authorized_minor, h.captured_minor, h.released_minor, h.refunded_minor),
                           'nothing')
           from audit_orders o left join holds h on h.order_id = o.id and h.tender = o.tender
           where o.state not in ('REJECTED', 'PLACING')
             and (o.amount_minor, o.captured_minor, o.released_minor, o.refunded_minor)
                 is distinct from (h.authorized_minor, h.captured_minor, h.released_minor, h.refunded_minor)""",
    ),
    Check(
        "orders.owes_nothing", "a cancelled, expired, rejected or fully refunded order owes and holds nothing (I-1)",
        (CREDIT,),
        """select distinct o.id || ' ' || o.state, '0',
                  (a.unbilled_minor + a.billed_minor) || ' owed, ' || a.held_minor || ' held, '
                      || a.deposit_minor || ' deposited'
           from audit_orders o join audit_agreements a on a.order_id = o.id
           where o.state in ('CANCELLED', 'PAYMENT_EXPIRED', 'REJECTED', 'FULLY_REFUNDED')
             and a.unbilled_minor + a.billed_minor + a.held_minor + a.deposit_minor <> 0""",
    ),
    Check(
        "orders.refunded_whole",
        "of a fully refunded order nothing that was captured is left, but the coupon of goods that cost nothing (A24)",
        (CREDIT, CARD),
        """select id || ' ' || tender, captured_minor::text, refunded_minor::text
           from audit_orders
           where state = 'FULLY_REFUNDED' and captured_minor <> refunded_minor
             and not (tender = 'COUPON' and whole_minor = 0)""",
    ),
)
"""Compared order by order, which is exact only while nothing is under way; `sagas.moved` is exact always."""

COORDINATOR = (
    Check(
        "orders.lock", "an order is locked by a settlement exactly while that settlement is open", (ORDER,),
        """select coalesce(o.id, s.root), coalesce(s.id, 'no settlement open'),
                  coalesce(nullif(o.settlement_id, ''), 'not locked')
           from (select id, settlement_id from orders where settlement_id <> '') o
           full join (select id, root from saga_records
                      where phase not in ('DONE', 'ABORTED') and kind <> 'merchant_settlement') s
               on s.id = o.settlement_id
           where o.id is null or s.id is null""",
    ),
    Check(
        "orders.events", "the last event of an order has the number that the order says", (ORDER,),
        """select o.id, o.sequence::text, coalesce(e.last, 0)::text
           from orders o
           left join (select aggregate_id, max(sequence) last from events group by aggregate_id) e
               on e.aggregate_id = o.id
           where coalesce(e.last, 0) <> o.sequence""",
    ),
)
