-- migrate:up
-- Names for the places of a saga's branches, so that whoever reads them with SQL never counts. Runs after 0001. It makes a
-- view only: older code may run before it and after it.

create view saga_branches as
    select s.id saga_id, s.root, s.kind, s.phase, branch.no,
           branch.item ->> 0 service, branch.item ->> 1 state, branch.item ->> 2 reason, branch.item -> 3 result
    from sagas s, json_array_elements(s.branches) with ordinality branch (item, no);
comment on view saga_branches is 'How far each participant of each saga has come.';
