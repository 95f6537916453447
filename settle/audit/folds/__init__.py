"""Aggregates told again from their logs by the domain's own rules, and every stored row beside what was told."""
