"""To and from the broker: clients, the publisher, what arrives."""
