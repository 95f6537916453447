-- migrate:up
-- Which shipments were scheduled when due dates were found by comparing days: their plans are due on a bill date. A replay
-- schedules them so again (SD-3). Runs after 0005, once no process of before that rule changed ships any more: what one
-- ships later is not marked. Newer code may run before it: it only cannot undo refunds of such plans yet.

alter table operations disable trigger operations_append_only;  -- what happened stays as it is; a fact of it is noted
update operations o set facts = (o.facts::jsonb || '{"due_by_days": true}')::json
from credit_accounts c, agreements a, json_array_elements(a.plans) p (plan)
where c.bill_day >= 28 and c.due_day > c.bill_day and a.account_id = c.id
  and o.account_id = c.id and o.order_id = a.order_id and o.kind = 'CaptureTenders'
  and (p.plan ->> 'captured_at')::timestamptz = o.at
  and exists (select from json_array_elements(p.plan -> 'instalments') i (row) where i.row ->> 1 = i.row ->> 2);
alter table operations enable trigger operations_append_only;
