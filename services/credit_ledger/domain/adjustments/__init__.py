"""What two people post or decide by hand."""
