"""Payouts of redemptions."""
