"""What merchants are owed for gift cards."""
