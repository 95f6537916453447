"""`python -m services.cli`: the same as `settle`."""

from services.cli import main

main()
