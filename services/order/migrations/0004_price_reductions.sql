-- migrate:up
-- A line says what price reductions took off it. Runs after 0003. It replaces a view only, and a row that was written
-- before reads as 0: older code may run before it and after it.

create or replace view order_lines as
    select o.id order_id, o.state, line.no,
           line.row ->> 0 line_id, (line.row ->> 1)::bigint quantity, (line.row ->> 2)::bigint unit_price_minor,
           (line.row ->> 3)::bigint payable_minor, (line.row ->> 4)::bigint shipped, (line.row ->> 5)::bigint cancelled,
           (line.row ->> 6)::bigint returned, (line.row ->> 7)::bigint returning_units,
           (line.row ->> 8)::bigint captured_minor, (line.row ->> 9)::bigint returned_minor,
           line.row ->> 10 sku, line.row ->> 11 title, coalesce((line.row ->> 12)::bigint, 0) reduced_minor
    from orders o, json_array_elements(o.lines) with ordinality line (row, no);
