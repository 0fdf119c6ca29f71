"""The entry point of `forecaster`, `python -m forecaster` and `python cli.py`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        _occupy_closed_streams()
        from forecaster.commands.group import cli

        cli.main()
    except KeyboardInterrupt:
        # The commands have their own way to stop: this came while the program was still starting, or about to end.
        sys.exit(130)
    finally:
        # Ctrl-C while the interpreter ends must not print a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _occupy_closed_streams() -> None:
    """Open the null device in place of every standard stream that is closed: that costs its text, and nothing else."""
    # Else the next file that is opened, a result, gets that number, and what a library prints goes into it.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
    # Python has no object for a stream that was closed when it started.
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


if __name__ == "__main__":
    main()
