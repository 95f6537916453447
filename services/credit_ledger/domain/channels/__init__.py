"""What recycling channels remit."""
