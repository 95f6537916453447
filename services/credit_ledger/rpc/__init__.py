"""The gRPC methods of the credit ledger, one file per service."""
