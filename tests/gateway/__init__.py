"""The gateway: what becomes of a request, how answers look, and what the document says."""
