"""What is made from the contract for readers: the HTTP interface (OpenAPI), the events (AsyncAPI and a catalogue)."""
