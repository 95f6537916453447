"""What a customer owes, pays, is charged for paying late, and never pays."""
