"""Recycling channels as rows: the versions of their terms, which two people put in force."""
