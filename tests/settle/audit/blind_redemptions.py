"""Corruptions of recycled gift cards in the filled engine that no sum shows: in rows, journals, settlements, payouts,
timers, counts and codes; each with the row that has to be named."""

from collections.abc import Sequence

from services.card_redemption.domain.redemption.order import FraudReport, Payout, Voucher
from services.kernel.ids import derived
from tests.settle.audit.blind_sql import Blind, added, again, card, credit, put, swapped

HISTORY, STATES, SAGAS = ("redemptions.history",), ("states.redemptions",), ("joins.redemptions",)


def rdm(name: str) -> str:
    """The redemption of this name."""
    return derived("rdm", name)


def _row(name: str, change: str) -> str:
    return f"update redemption_orders set {change} where id = '{rdm(name)}'"


def _plan(name: str, kind: str, change: str) -> str:
    return f"""update sagas set {change}
               where kind = '{kind}' and plan::jsonb #>> '{{party,redemption_id}}' = '{rdm(name)}'"""


def _journal(name: str, op: str, change: str) -> str:
    return f"update journals set {change} where order_id = '{rdm(name)}' and op = '{op}'"


def _lines(first: str, second: str) -> str:
    return f"accounts = array(select case when a = '{first}' then '{second}' else a end from unnest(accounts) a)"


def _of(kind: type, field: str, no: int | None = None) -> str:
    place = str(kind._fields.index(field))  # type: ignore[attr-defined]  # a NamedTuple
    return place if no is None else f"{no},{place}"


ROWS: Sequence[Blind] = (
    Blind("two redemptions exchange their customers", rdm("consoled"), HISTORY, (
        card(swapped("redemption_orders", "customer_id", rdm("consoled"), rdm("met"))),
    )),
    Blind("two redemptions exchange their cards", rdm("free"), HISTORY, (
        card(swapped("redemption_orders", "card_id", rdm("free"), rdm("renewed"))),
    )),
    Blind("a cancelled one is said to be completed", rdm("free"), HISTORY, (
        card(_row("free", "state = 'COMPLETED'")),
    )),
    Blind("a spent one is said to be invalid", rdm("spent"), HISTORY, (card(_row("spent", "state = 'FAILED'")),)),
    Blind("a failed one is said to be retryable", rdm("invalid"), HISTORY, (
        card(_row("invalid", "state = 'FAILED_RETRYABLE'")),
    )),
    Blind("a frozen one stands where it never did", rdm("frozen"), HISTORY, (
        card(_row("frozen", "frozen_from = 'SETTLED', settled_at = now()")),
    )),
    Blind("the fraud was reported 15 days earlier", rdm("frozen"), HISTORY, (
        card(_row("frozen", put("fraud", _of(FraudReport, "reported_at"), "2025-12-01T00:00:00Z"))),
    )),
    Blind("by somebody else", rdm("frozen"), HISTORY, (
        card(_row("frozen", put("fraud", _of(FraudReport, "reporter"), "nobody"))),
    )),
    Blind("a window begins later", rdm("accepted"), HISTORY, (
        card(_row("accepted", "accepted_at = accepted_at + interval '1 hour'")),
    )),
    Blind("a review was asked for later", rdm("asked"), HISTORY, (
        card(_row("asked", "cancel_requested_at = cancel_requested_at + interval '1 hour'")),
    )),
    Blind("a cancel fee was another", rdm("owing"), HISTORY, (card(_row("owing", "cancel_fee_minor = 0")),)),
    Blind("the terms have no fee", rdm("accepted"), HISTORY, (
        card(_row("accepted", put("terms", "fee,flat_minor", 0))),
    )),
    Blind("the terms pay more", rdm("nextday"), HISTORY, (card(_row("nextday", put("terms", "rate_ppm", 949_999))),)),
    Blind("the terms of a channel and of its redemption agree on another rate", rdm("nextday"), HISTORY, (
        card(_row("nextday", put("terms", "rate_ppm", 949_999) + ", face_minor = face_minor + 1")),
    )),
    Blind("a payout of another way", rdm("arrived"), HISTORY, (
        card(_row("arrived", put("payouts", _of(Payout, "method", 0), "JD_BALANCE"))),
    )),
    Blind("a stopped payout is due again", rdm("stopped"), HISTORY, (
        card(_row("stopped", put("payouts", _of(Payout, "state", 0), "DUE"))),
    )),
    Blind("more of a voucher is left", rdm("consoled"), HISTORY, (
        card(_row("consoled", added("voucher", _of(Voucher, "left_minor"), 100))),
    )),
    Blind("a condition has longer", rdm("held"), HISTORY, (
        card(_row("held", "deadline = deadline + interval '1 day'")),
    )),
    Blind("a schedule is moved", rdm("edited"), HISTORY, (
        card(_row("edited", "scheduled_at = scheduled_at + interval '1 day'")),
    )),
    Blind("evidence goes", rdm("intercepted"), HISTORY, (card(_row("intercepted", "evidence = '[]'")),)),
    Blind("paid to another bank card", rdm("sent"), HISTORY, (card(_row("sent", "instrument = 'bank_9'")),)),
    Blind("a code that was read is kept", rdm("repriced"), STATES, (
        card(f"""update redemption_orders set verification_code = (
                     select verification_code from redemption_orders where id = '{rdm("accepted")}')
                 where id = '{rdm("repriced")}'"""),
    )),
    Blind("a redemption vanishes", rdm("tiny"), HISTORY, (
        card(f"delete from redemption_orders where id = '{rdm('tiny')}'"),
    )),
    Blind("a freeze case vanishes", "freeze_cases frz_", HISTORY, (card("delete from freeze_cases"),)),
    Blind("a freeze case is due later", "freeze_cases frz_", HISTORY, (
        card("update freeze_cases set due_on = due_on + 10"),
    )),
)

BOOKS: Sequence[Blind] = (
    Blind("a journal of another operation", "journals crd_met/", (*HISTORY, "provenance.cards"), (
        card(_journal("met", "escrow", "op = 'escrow_release'")),
    )),
    Blind("the spread is booked as a consolation", "journals crd_met/", (*HISTORY, "provenance.cards"), (
        card(_journal("met", "escrow_release", _lines("I.SPREAD", "E.GOODWILL"))),
    )),
    Blind("two redemptions exchange their settlements' journals", "journals ", HISTORY, (
        card(f"""update journals set order_id = case order_id when '{rdm("more")}' then '{rdm("met")}'
                                                 else '{rdm("more")}' end
                 where op in ('settle', 'escrow_release') and order_id in ('{rdm("more")}', '{rdm("met")}')"""),
    )),
    Blind("a settlement is posted at another time", "journals crd_more/", HISTORY, (
        card(_journal("more", "settle", "posted_at = posted_at - interval '1 day'")),
    )),
    Blind("one whose events were pruned is settled a while earlier", "journals crd_oldrerouted/", HISTORY, (
        card(_journal("oldrerouted", "settle", "posted_at = posted_at - interval '18 minutes'")),
    )),
    Blind("a card whose events were pruned is issued earlier", "journals crd_oldrerouted/1", ("cards.history",), (
        card("update journals set posted_at = posted_at - interval '1 second' where root = 'crd_oldrerouted'"
             " and op = 'card_issue'"),
    )),
    Blind("a payout's transit under another id", "journals crd_more/", (*HISTORY, "provenance.cards"), (
        card(_journal("more", "settle", "subs[2] = 'pay_nobody'")),
    )),
    Blind("a settlement is not posted", "journals crd_more/", HISTORY, (
        card(f"delete from journals where order_id = '{rdm('more')}' and op = 'settle'"),
    )),
    Blind("a settlement is posted twice", "journals crd_more/", ("cards.history",), (
        card(again(f"order_id = '{rdm('more')}' and op = 'settle'")),
    )),
    Blind("a voucher's issue vanishes, long after", "L.VOUCHER vch_", ("redemptions.booked",), (
        card("delete from journals where root = 'crd_oldconsoled' and op = 'voucher_issue'"),
    )),
    Blind("a channel fee is another's", "journals ", (*HISTORY, "provenance.cards"), (
        card(_journal("arrived", "channel_fee", "subs[2] = 'CAPPED'")),
    )),
)

SETTLEMENTS: Sequence[Blind] = (
    Blind("a fee was charged a second before the answer", "cancel_fee", ("provenance.meanwhile",), (
        credit("""update journals set posted_at = posted_at - interval '1 second'
                  where saga_id = (select max(saga_id) from journals where op = 'cancel_fee')"""),
    )),
    Blind("a payout's settlement pays another amount", "sagas saga_", SAGAS, (
        card(_plan("more", "payout", added("plan", "amount_minor", 1))),
    )),
    Blind("another customer", "sagas saga_", SAGAS, (
        card(_plan("more", "payout", put("plan", "party,customer_id", "cus_nobody"))),
    )),
    Blind("a fee was planned for nothing", "sagas saga_", SAGAS, (
        card(_plan("owing", "paid_cancel", put("plan", "fee_minor", 0))),
    )),
    Blind("a cap was not asked for", "sagas saga_", SAGAS, (
        card(_plan("capped", "paid_cancel", put("plan", "cap_minor", 5_000_000))),
    )),
    Blind("a claim of less", rdm("less"), SAGAS, (
        card(_plan("less", "customer_claim", added("plan", "amount_minor", -1))),
    )),
    Blind("a remittance of another channel", "sagas saga_", SAGAS, (
        card(_plan("arrived", "remittance", put("plan", "channel", "OWN"))),
    )),
    Blind("a settlement vanishes", rdm("arrived"), SAGAS, (
        card(f"""delete from sagas where kind = 'remittance'
                 and plan::jsonb #>> '{{party,redemption_id}}' = '{rdm("arrived")}'"""),
    )),
    Blind("a redemption waits for one that has ended", rdm("more"), (*HISTORY, *SAGAS), (
        card(f"""update redemption_orders o set settlement_id = (select min(id) from sagas where root = o.card_id)
                 where id = '{rdm("more")}'"""),
    )),
    Blind("a settlement of another card", "sagas saga_", ("redemptions.rooted",), (
        card("update sagas set root = 'crd_none' where kind = 'payout'"),
    )),
    Blind("the answer of who redeems is gone: he would be asked again", "saga_", ("sagas.answers",), (
        card("delete from inbox where message_id = (select id || '/T' from sagas where kind = 'submission'"
             " order by started_at desc limit 1)"),
    )),
    Blind("the answer to a fee is gone: it would be taken again", "saga_", ("sagas.answers",), (
        credit("delete from inbox where message_id = (select max(saga_id) || '/F' from journals"
               " where op = 'cancel_fee' and saga_id || '/F' in (select message_id from inbox))"),
    )),
    Blind("a payout that was carried out was refused", "saga_", ("sagas.answers",), (
        credit("update inbox set verdict = 'REFUSED' where message_id = (select saga_id || '/T' from operations"
               " where kind = 'PayRedemption' order by at desc limit 1)"),
    )),
    Blind("an account is claimed by a payout that has ended", "acc_4", ("accounts.claims",), (
        credit("update credit_accounts set pending_tried_at = now(), pending_saga_id = (select saga_id from operations"
               " where kind = 'PayRedemption' order by at desc limit 1) where id = 'acc_4'"),
    )),
    Blind("who redeems is claimed by a submission that has ended", "redeemers cus_met", ("redeemers.claims",), (
        card("update redeemers set pending_tried_at = now(), pending_saga_id = (select max(id) from sagas"
             " where kind = 'submission') where id = 'cus_met'"),
    )),
    Blind("a submission is on no record", f"its submission of {rdm('oldmore')}", SAGAS, (
        card(f"delete from sagas where kind = 'submission' and plan::jsonb #>> '{{party,redemption_id}}' ="
             f" '{rdm('oldmore')}'"),
    )),
    Blind("a redemption vanishes that failed long ago", "sagas saga_", SAGAS, (
        card("delete from redemption_orders where card_id = 'crd_disputedold_5'"),
    )),
    Blind("a payout of less in both of its rows", "pay_", ("accounts.fold", "payouts.booked"), (
        credit(f"update payouts set amount_minor = amount_minor - 1 where order_id = '{rdm('arrived')}'"),
        card(_row("arrived", added("payouts", _of(Payout, "amount_minor", 0), -1))),
    )),
)

WAITING: Sequence[Blind] = (
    *(
        Blind(f"nothing wakes one that is {name}", f"of {rdm(name)}", STATES, (
            card(f"delete from timers where key = '{rdm(name)}'"),
        )) for name in ("accepted", "verifying", "asked", "held", "edited", "nextday")
    ),
    Blind("a review ends an hour early", f"of {rdm('asked')}", STATES, (
        card(f"update timers set due_at = due_at - interval '1 hour' where key = '{rdm('asked')}'"),
    )),
    Blind("a condition ends a year late", f"of {rdm('held')}", STATES, (
        card(f"update timers set due_at = due_at + interval '1 year' where key = '{rdm('held')}'"),
    )),
    Blind("a timer of what is over", f"of {rdm('free')}", STATES, (
        card(f"update timers set key = '{rdm('free')}' where key = '{rdm('accepted')}'"),
    )),
)

PEOPLE: Sequence[Blind] = (
    Blind("a customer has completed more", "redeemers cus_arrived", ("redeemers.counted",), (
        card("update redeemers set completed = completed + 1 where id = 'cus_arrived'"),
    )),
    Blind("fewer", "redeemers cus_arrived", ("redeemers.counted",), (
        card("update redeemers set completed = 0 where id = 'cus_arrived'"),
    )),
    Blind("a void card can be spent", "gift_cards crd_voided standing", ("record.standing",), (
        card("update gift_cards set standing = 'ACTIVE' where id = 'crd_voided'"),
    )),
    Blind("a frozen card can be spent", "gift_cards crd_thawed standing", ("record.standing",), (
        card("update gift_cards set standing = 'ACTIVE', frozen_from = null, frozen_for = '' where id = 'crd_thawed'"),
    )),
    Blind("who gave in a spent card is free again", "redeemers cus_spent", ("redeemers.counted",), (
        card("update redeemers set restricted = '' where id = 'cus_spent'"),
    )),
    Blind("who did nothing is restricted", "redeemers cus_met", ("redeemers.counted",), (
        card("update redeemers set restricted = 'rdm_x: CODE_CONSUMED' where id = 'cus_met'"),
    )),
    Blind("a day's cap is forgotten", "redeemers cus_capped", ("redeemers.counted",), (
        card("update redeemers set cancelled_minor = 0 where id = 'cus_capped'"),
    )),
    Blind("it counts for another day", "redeemers cus_capped", ("redeemers.counted",), (
        card("update redeemers set cancelled_day = cancelled_day + 1 where id = 'cus_capped'"),
    )),
    Blind("two customers exchange their counts", "redeemers cus_arrived", ("redeemers.counted",), (
        card(swapped("redeemers", "completed", "cus_arrived", "cus_capped")),
    )),
    Blind("a count vanishes", "redeemers cus_met", ("redeemers.known",), (
        card("delete from redeemers where id = 'cus_met'"),
    )),
    *(
        Blind(f"the answer that {name} was counted is gone: it counts again", f"{rdm(name)}/{told}",
              ("redeemers.told",), (card(f"delete from inbox where message_id = '{rdm(name)}/{told}'"),))
        for name, told in (("arrived", "completed"), ("fault", "completed"), ("spent", "failed_consumed"))
    ),
    Blind("a completion that was reversed is not counted", "redeemers cus_fault", ("redeemers.counted",), (
        card("update redeemers set completed = 0 where id = 'cus_fault'"),
    )),
    Blind("a code ends in other digits", "card_codes ", ("seals",), (
        card("update card_codes set last4 = '9999' where card_id = 'crd_given' and number = 1"),
    )),
    Blind("two cards exchange their envelopes", "card_codes ", ("seals",), (
        card(swapped("card_codes", "sealed", "crd_consoled", "crd_met", key="card_id")),
    )),
    Blind("the code of a redeemed card vanishes", "card_codes of crd_consoled", ("cards.codes",), (
        card("delete from card_codes where card_id = 'crd_consoled'"),
    )),
    Blind("another issuer's code vanishes", "card_codes of fcd_", ("cards.codes",), (
        card("delete from card_codes where card_id = (select max(card_id) from card_codes)"),
    )),
    Blind("a code of a card that is not there", "card_codes ", ("redemptions.rooted",), (
        card("update card_codes set card_id = 'fcd_none' where card_id = (select min(card_id) from card_codes)"),
    )),
)

EVENTS: Sequence[Blind] = (
    Blind("two steps change places", "crd_more", HISTORY, (
        *(
            card(f"update events set sequence = {new} where aggregate_id = 'crd_more' and sequence = {old}")
            for old, new in ((4, 1_000), (5, 4), (1_000, 5))
        ),
    )),
    Blind("a step is of another card", "crd_more", HISTORY, (
        card("""update events mine set payload = other.payload from events other
                where mine.aggregate_id = 'crd_more' and other.aggregate_id = 'crd_met' and mine.sequence = 4
                  and other.sequence = 4"""),
    )),
)

BLIND: Sequence[Blind] = (*ROWS, *BOOKS, *SETTLEMENTS, *WAITING, *PEOPLE, *EVENTS)
"""All of them."""
