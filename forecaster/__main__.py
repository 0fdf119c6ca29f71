"""The entry point of `forecaster`, `python -m forecaster` and `python cli.py`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with its exit code."""
    from forecaster.commands.group import cli

    cli.main()


if __name__ == "__main__":
    main()
