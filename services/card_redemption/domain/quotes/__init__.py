"""The binding offer for a card: what it comes to, for how long that holds, and why (U1, U2)."""
