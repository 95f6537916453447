"""Orders, after-sale cases and refund plans; coordinates every settlement; owns no money book (DOMAIN SV-1)."""
