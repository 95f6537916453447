"""The simulator behind `settle simulate`: the real decisions of all services in a world that is cheap, hostile and
repeatable. One tape holds all chance of a run, and a failure is replayed, shrunk and told from it."""
