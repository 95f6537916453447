"""Pure rules and aggregates of orders: standard library and kernel only."""
