"""Statement cuts."""
