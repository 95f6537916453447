"""The sandbox verifier."""
