"""The told story behind `settle demo`: everything from nothing, every effect read back through the API."""
