"""The entry point of `forecaster`, `python -m forecaster` and `python cli.py`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        _occupy()
        from forecaster.commands.group import cli

        cli.main()
    except KeyboardInterrupt:  # while the program is still starting, or about to end
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback from the interpreter's own end


def _occupy() -> None:
    """Put the null device where a standard stream is closed: no result may get its number, and a library's words."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one


if __name__ == "__main__":
    main()
