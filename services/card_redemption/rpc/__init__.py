"""The gRPC methods of the card service, one file per service."""
