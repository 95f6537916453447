"""Payments to the outside world."""
