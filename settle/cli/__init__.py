"""The command line: one thin file per verb. What a verb needs is imported when it runs."""


def main() -> None:
    """Run the `settle` command."""
    from settle.cli.app import app

    app()
