"""What a refund gives back, and where to."""
