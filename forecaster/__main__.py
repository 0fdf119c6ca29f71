"""The entry point of `forecaster`, `python -m forecaster` and `python cli.py`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from forecaster.commands.group import cli
    except KeyboardInterrupt:  # while the program is still starting
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
