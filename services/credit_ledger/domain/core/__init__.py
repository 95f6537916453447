"""A decision in the making, the laws that it obeys, and the answer it gives."""
