"""The sandbox verifier: stands for the providers that say what gift cards are worth, and does what it is told."""
