"""The client of the engine: channels, stubs, errors by reason, and for stories a shop, a desk and a bank."""
