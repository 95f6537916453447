"""Where money came from: each journal, movement and event belongs to one decision, which says what it moved."""
