"""The words that all services share: pure, synchronous, standard library only."""
