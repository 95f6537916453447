"""gRPC methods of the order service. Protobuf and waiting live here; nothing is decided here."""
