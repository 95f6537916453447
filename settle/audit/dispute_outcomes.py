"""What disputes decided was done by ordinary steps of redemptions, and decided by others than who worked on it."""

from services.kernel.people import is_named, same_person
from settle.audit.findings import CARD, Check, Finding
from settle.audit.folds.disputes import NAMES
from settle.audit.snapshots import World, pages

FOUR_EYES = "disputes.four_eyes"
SAYS = {FOUR_EYES: "every dispute was decided by others than opened it, handled it, or decided it before (MA-3)"}

CHECKS = (
    Check(
        "disputes.outcome", "what was decided of a dispute is done, with its ordinary posting (OP-14)", (CARD,),
        """select 'disputes ' || d.id, d.remedy || ' of ' || d.redemption_id || ', done', 'not done'
           from disputes d join redemption_orders r on r.id = d.redemption_id
           where d.state = 'EXECUTED' and not case d.remedy
               when 'NONE' then true
               when 'REVOCATION' then r.state = 'REVOKED'
               when 'FRAUD_CLOSING' then r.state = 'CLOSED_FRAUD'
               when 'FREEZE' then r.fraud is not null
               when 'LIFTING' then not exists (
                   select from redeemers c, json_array_elements_text(c.cases) lifted
                   where c.id = d.customer_id and lifted = d.redemption_id)
                   or exists (select from notices n where n.id = d.id || '/lift')
               else exists (
                   select from journals j
                   where j.root = d.card_id and j.order_id = d.redemption_id and j.posted_at >= d.opened_at
                     and j.op = any(case d.remedy
                         when 'VOUCHER' then array['voucher_issue'] when 'FAULT_REVERSAL' then array['fault_reversal']
                         when 'FACE_CORRECTION' then array['face_topup', 'face_clawback']
                         when 'ADJUSTMENT' then array['manual_adjust'] else '{}' end))
           end""",
        cause="the journal or the redemption was changed past the engine, or the case was",
    ),
    Check(
        "disputes.adjusted", "what redemptions gave back is what their disputes granted (P22)", (CARD,),
        """select 'redemption_orders ' || r.id, coalesce(sum(d.granted_minor), 0)::text, r.adjusted_minor::text
           from redemption_orders r
           left join disputes d on d.redemption_id = r.id and d.remedy = 'ADJUSTMENT' and d.state = 'EXECUTED'
           where r.adjusted_minor > 0
             and not exists (select from disputes w where w.redemption_id = r.id and w.state = 'DECIDED')
           group by r.id, r.adjusted_minor having coalesce(sum(d.granted_minor), 0) <> r.adjusted_minor""",
    ),
)
DECIDED = "select id, opened_by, customer_id, handler, deciders from disputes where verdict is not null"


async def four_eyes(world: World) -> list[Finding]:
    """The disputes that somebody decided who had a hand in them."""
    found = []
    async for rows in pages(world[CARD], DECIDED):
        for row in rows:
            deciders = NAMES.decode(row["deciders"])
            worked = [name for name in (row["opened_by"], row["customer_id"], row["handler"]) if name]
            before = [(*worked, *deciders[:number]) for number in range(len(deciders))]
            wrong = [
                decider for decider, others in zip(deciders, before, strict=True)
                if not is_named(decider) or any(same_person(decider, other) for other in others)
            ]
            if wrong:
                told = f"{wrong[0]!r} decided"
                found.append(Finding(FOUR_EYES, CARD, f"disputes {row['id']}", "decided by others", told))
    return found
