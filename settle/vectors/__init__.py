"""The runner of scenario files: plays their cases through the public API of running services, compares to the fen."""
