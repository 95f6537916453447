"""The rail's own list beside our legs."""
