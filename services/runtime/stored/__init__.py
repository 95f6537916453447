"""The tables of the runtime, one file for each."""
