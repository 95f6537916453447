"""What one service says of an order, a refund or a claim beside what the others say: full joins over the databases."""
