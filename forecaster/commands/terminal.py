"""What a person sees: data on stdout, everything else on stderr, bars only on a terminal."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from forecaster.errors import OutputError, printable, shell_quoted
from forecaster.installing import interpreter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Terminal:
    """How much to say, and where: passed to every command as click's context object."""

    def __init__(self, args: Sequence[str] = ()) -> None:
        self.args = tuple(args)
        self.quiet = False
        self.verbose = False

    @property
    def interactive(self) -> bool:
        """True where a moving bar is welcome."""
        return not self.quiet and sys.stderr.isatty()

    def out(self, text: str) -> None:
        """Print data on stdout."""
        with written_out():
            click.echo(text)

    def json(self, value: Any) -> None:
        """Print one JSON document on stdout."""
        import json

        # Every undefined number has become None by now: NaN would be a bug, not a value.
        self.out(json.dumps(value, indent=2, allow_nan=False))

    def say(self, text: str) -> None:
        """Print something on stderr, unless `-q` was given."""
        if not self.quiet:
            # A log on a full disk must not end an hour's training.
            with contextlib.suppress(OSError), unless_unread(sys.stderr):
                click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Print something on stderr that `-q` must not hide."""
        with contextlib.suppress(OSError), unless_unread(sys.stderr):
            click.echo(printable(text, 2000), err=True)

    def training(self) -> TrainingBar | TrainingLines | None:
        """Return the progress of a training for this terminal, or None where `-q` was given."""
        if self.quiet:
            return None
        return TrainingBar() if self.interactive else TrainingLines(self)


@contextlib.contextmanager
def written_out() -> Iterator[None]:
    """Turn a failed write within the block into an error that names the standard output, for no file failed.

    That nobody reads it any more is no failure: `forecaster ... | head` goes on to its end.

    Raises:
        OutputError: the standard output could not be written.
    """
    try:
        with unless_unread(sys.stdout):
            yield
    except OSError as error:
        hint = "What the command wrote to files stands."
        raise OutputError(f"the standard output could not be written: {refusal(error)}.", hint=hint) from error


@contextlib.contextmanager
def unless_unread(stream: TextIO | None) -> Iterator[None]:
    """Drop what is written to `stream` in the block, and after it, once nobody reads it any more."""
    try:
        yield
    except BrokenPipeError:
        # The interpreter must not stumble over the rest of the text at its end either.
        with contextlib.suppress(OSError, ValueError, AttributeError), open(os.devnull, "w") as null:
            os.dup2(null.fileno(), stream.fileno())  # type: ignore[union-attr]


def refusal(error: OSError) -> str:
    """Return in plain words what the system refused."""
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    if error.errno == errno.EDQUOT:
        return "the disk quota is used up"
    return printable(error.strerror or error, 400)


def program() -> str:
    """Return how the user called this program, ready to be pasted into a shell."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return f"{interpreter()} -m forecaster"
    return f"{interpreter()} {shell_quoted(sys.argv[0])}" if script.suffix == ".py" else "forecaster"


def shell(args: Iterable[object]) -> str:
    """Return `args` quoted for a shell; a path is written so that it is not taken for an option.

    >>> shell(["train", "my file.csv", "-o", Path("-m")])
    "train 'my file.csv' -o ./-m"
    """
    return " ".join(map(shell_quoted, texts(args)))


def texts(args: Iterable[object]) -> list[str]:
    """Return `args` as text; a path begins with no dash, unless it is the standard input."""
    from forecaster.files import as_argument

    return [as_argument(arg) if isinstance(arg, Path) else str(arg) for arg in args]


def suggested(command: str | None, arguments: Sequence[str]) -> str | None:
    """Return a `forecaster ...` command as the user would call it, with `arguments` added; None for no command."""
    if command is None:
        return None
    return " ".join(filter(None, (program(), command.removeprefix("forecaster "), shell(arguments))))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` laid out under `header`, the first column to the left, all others to the right.

    >>> print(table(["name", "mse"], [["ridge", ".1"]]))
    name   mse
    ridge   .1
    """
    lines = [list(header), *(list(row) for row in rows)]
    first, *numbers = (max(len(line[k]) for line in lines) for k in range(len(header)))
    text = []
    for label, *cells in lines:
        aligned = (cell.rjust(width) for cell, width in zip(cells, numbers, strict=True))
        text.append("  ".join([label.ljust(first), *aligned]).rstrip())
    return "\n".join(text)


def number(value: object, digits: int = 4) -> str:
    """Return a number with `digits` significant digits; an undefined one is a dash.

    >>> number(None), number(0.0271234), number(3)
    ('-', '0.02712', '3')
    """
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.{digits}g}"
    return "-" if value is None else printable(value)


class TrainingLines:
    """The progress of a training in a log: a line at its start, then about one every tenth of it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal, self._total, self._next, self._began = terminal, 0, 0.0, 0.0
        self._resumed: int | None = None
        self._validation: float | None = None

    def start(self, total_steps: int) -> None:
        """Print how much work lies ahead."""
        self._total, self._next, self._began = total_steps, total_steps / 10, time.monotonic()
        self._resumed = self._validation = None
        self._terminal.say(f"training: {total_steps} steps")

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Print how far the training is: after the first look at the validation part, then every tenth."""
        if self._resumed is None:
            # The first update has a validation loss only where an earlier training had come to one.
            self._resumed = 0 if validation_loss is None else step
        first = validation_loss is not None and self._validation is None
        self._validation = validation_loss if validation_loss is not None else self._validation
        if step < self._next and not first:
            return
        self._next = step + self._total / 10
        # Steps of an earlier training took none of the time since `start`.
        taken = step - self._resumed
        left = (time.monotonic() - self._began) * (self._total - step) / max(taken, 1)
        shown = f", about {left:.0f} s left" if taken else ""
        self._terminal.say(f"step {step}/{self._total}: {_losses(loss, self._validation)}{shown}")

    def finish(self) -> None:
        """Print nothing: the command reports."""


class TrainingBar:
    """The progress of a training on a terminal: a bar with loss, validation loss and the time left."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._validation: float | None = None

    def start(self, total_steps: int) -> None:
        """Draw the empty bar."""
        self._progress = bar("{task.fields[losses]}")
        self._task = self._progress.add_task("training", total=total_steps, losses="")
        self._progress.start()

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Move the bar."""
        self._validation = validation_loss if validation_loss is not None else self._validation
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=step, losses=_losses(loss, self._validation))

    def finish(self) -> None:
        """Leave the bar standing as it is."""
        if self._progress is not None:
            self._progress.stop()


def bar(*fields: str) -> Progress:
    """Return rich's progress bar on stderr, with `fields` behind it; it knows NO_COLOR and dumb terminals."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *map(TextColumn, fields)]
    console = Console(stderr=True)
    return Progress(*columns, TimeRemainingColumn(), console=console, redirect_stdout=False, redirect_stderr=False)


def _losses(loss: float, validation_loss: float | None) -> str:
    shown = f"loss {loss:.4g}"
    return shown if validation_loss is None else f"{shown}, validation {validation_loss:.4g}"
