"""What the aggregates say now, against what their histories make of them by the domain's own rules."""
