"""What merchants are owed."""
