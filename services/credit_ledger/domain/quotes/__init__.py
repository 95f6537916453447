"""What would be decided now."""
