"""The told story: its pieces, and the whole of it on a running engine."""
