"""The present of a service's snapshot, by the clock of its decisions: as SQL.

A manual clock leaves its row when the service is started on the system's clock again; that one decides nothing.
"""

PRESENT = """coalesce((select value::timestamptz from runtime_facts where name = 'manual_clock'
                       and not exists (select from runtime_facts where name = 'clock' and value = 'system')), now())"""
