"""Before shipment and at it: what an order holds of an account."""
