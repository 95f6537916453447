"""HTTP/JSON for those who do not speak gRPC: the google.api.http rules of the contract, served as they are written.

Nothing is decided here. A request becomes the very message that a gRPC caller sends, the answer its proto3 JSON.
"""
