"""The settlement engine: three services, their shared kernel and runtime, and the tools around them."""
