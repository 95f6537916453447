"""Whether every row is in a state that the rest of it allows, and what waits has what will wake it."""
