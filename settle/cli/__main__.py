"""`python -m settle.cli`: the same as `settle`."""

from settle.cli import main

main()
