"""The fold of an account's log, and what follows from folding it otherwise."""
