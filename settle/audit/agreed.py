"""What was agreed is there as a whole, also once no event tells of it any more: versions, agreements, batches."""

from settle.audit.findings import CARD, Check

CHECKS = (
    Check(
        "channels.versions", "a channel has every version of its terms up to the one in force, none beyond", (CARD,),
        """select 'channels ' || coalesce(c.id, v.channel), 'versions 1 to ' || coalesce(c.in_force, 0),
                  coalesce(v.held, 0) || ' versions, the last ' || coalesce(v.last, 0)
           from channels c
           full join (select channel, count(*) held, max(number) last from channel_versions group by channel) v
               on v.channel = c.id
           where (coalesce(v.held, 0), coalesce(v.last, 0)) <> (coalesce(c.in_force, 0), coalesce(c.in_force, 0))""",
        cause="a version was deleted, or put there, past the engine",
    ),
    Check(
        "years.rooted", "every closed year of an agreement is of one that is there", (CARD,),
        """select 'agreement_years ' || id, 'an agreement that is there', agreement_id
           from agreement_years y
           where not exists (select from enterprise_agreements a where a.id = y.agreement_id)""",
        cause="the year was changed past the engine, or its agreement was deleted",
    ),
)
