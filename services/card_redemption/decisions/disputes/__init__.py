"""What is decided about disputes: who may open one, who handles it, what comes of it (DOMAIN 2.10)."""
