"""The runner of scenario files: plays their cases through the public API of running services and compares to the fen."""
