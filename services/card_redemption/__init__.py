"""Gift cards and their book: what they are worth, and what of it stands in orders."""
