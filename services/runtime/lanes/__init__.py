"""Lanes: what waits, and one batch after another decided in one transaction each."""
