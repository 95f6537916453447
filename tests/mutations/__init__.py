"""Planted bugs: production code is changed in a copy of the checkout, and something has to notice."""
