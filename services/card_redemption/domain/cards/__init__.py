"""A gift card and what orders take of it."""
