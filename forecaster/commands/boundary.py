"""The error boundary: whatever happens in a command becomes one message and an exit code.

0 done; 1 a run-time failure, or some of several signals failed; 2 bad usage, a bad model or a
bad single signal; 130 Ctrl-C; 143 SIGTERM.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click

from forecaster.commands.terminal import Terminal, refusal, unless_unread, written_out
from forecaster.errors import MESSAGE_LIMIT, ForecasterError, printable

INTERRUPTED, TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM, as an exception, so that every `finally` runs before the program ends."""


def guarded(run: Callable[[], Any], terminal: Terminal) -> int:
    """Run a command and return its exit code; whatever goes wrong is one message on stderr."""
    try:
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                # A character that the terminal's encoding lacks is escaped, and no error.
                reconfigure(errors="backslashreplace")
        with _sigterm():
            code = run()
            # A program may be started without a standard output. A full disk may show only when it is flushed.
            if sys.stdout is not None:
                with written_out():
                    sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return _explain(error, terminal)


def _explain(error: BaseException, terminal: Terminal) -> int:
    """Print what `error` means to the user, and return the exit code."""
    message, code = _message_and_code(_stop(error) or error)
    if terminal.verbose and isinstance(error, Exception):
        import traceback

        with contextlib.suppress(OSError), unless_unread(sys.stderr):
            click.echo("".join(traceback.format_exception(error)), err=True)
    with contextlib.suppress(OSError), unless_unread(sys.stderr):
        click.echo(f"Error: {message}"[:MESSAGE_LIMIT], err=True)
    return code


def _stop(error: BaseException | None) -> BaseException | None:
    """Return the Ctrl-C or SIGTERM behind `error`, or None: Python wraps one that falls into the making of a class."""
    while error is not None and not isinstance(error, KeyboardInterrupt | Terminated):
        error = error.__cause__ or error.__context__
    return error


def _message_and_code(error: BaseException) -> tuple[str, int]:
    """Return the message and the exit code of `error`."""
    match error:
        case ForecasterError():
            return str(error), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return "interrupted.", INTERRUPTED
        case Terminated():
            return "terminated.", TERMINATED
        case MemoryError():
            return "out of memory. A shorter horizon, fewer files at once or a larger --stride need less.", 1
        case OSError():
            place = "" if error.filename is None else f": {printable(error.filename, 400)}"
            return f"{refusal(error)}{place}.", 1
    kind = type(error).__name__
    return f"this is a bug: {kind}: {printable(error, 600)}. With -v the command shows where it happened.", 1


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` while a command runs; Python lets the main thread alone do that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
