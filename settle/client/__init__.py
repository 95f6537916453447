"""The client of the engine: channels, stubs, errors by reason, and a shop for stories."""
