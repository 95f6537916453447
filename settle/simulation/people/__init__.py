"""Customers, merchants, support and finance: what each of them does, and does twice, at once or too late."""
