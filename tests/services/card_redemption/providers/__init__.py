"""Verification providers, the worker that asks them, and what they promise."""
