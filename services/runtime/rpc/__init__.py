"""The gRPC side: the server, its calls and errors, what a method may ask of the runtime, the operators."""
