"""Read a file: its signal, or an error with the options that were tried and read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import formats
from forecaster.reading.file import InputFile
from forecaster.reading.recordings import Reading, with_calendar
from forecaster.reading.refusal import RefusalError, applied, merged
from forecaster.reading.source import open_source
from forecaster.signal.signal import Signal

# How often the options of a refusal are tried, with those of the next one added.
ROUNDS = 8
# A larger file is not read again to try them.
REHEARSED_BYTES = 1 << 26
# Options that would keep fewer of the rows are not proposed.
LEAST_KEPT = 0.5


def read_signal(
    source: Path | str,
    options: ReadingOptions | None = None,
    *,
    name: str | None = None,
    expected: Sequence[str] = (),
    **settings: Any,
) -> Signal:
    """Return the signal of a file ("-" is standard input).

    Args:
        source: The file.
        options: How it is read.
        name: The signal's name, else the file's without its suffix.
        expected: Names of the columns that a model reads: they are taken even if they look like no measurement.
        settings: Fields of `ReadingOptions`, which replace those of `options`: ``columns="speed"``, ``rate_hz=1024``.

    Raises:
        SignalError: The file cannot be read rightly: with path, line, column, what stands there, and the options that
            would read it.
        UsageError: A setting that there is not, or a value that does not fit.
    """
    return read(source, (options or ReadingOptions()).replaced(**settings), name=name, expected=expected).signal


def read(
    source: Path | str,
    options: ReadingOptions | None = None,
    *,
    name: str | None = None,
    expected: Sequence[str] = (),
) -> Reading:
    """Return the reading of one file ("-" is standard input): its signal, and how it was written and timed.

    `name` is the signal's, else the file's without its suffix; `expected` is as in `read_signal`.

    Raises:
        SignalError: with path, line, column, what stands there, and the options that would read
            the file: they were tried before they are named.
    """
    path, options = str(source), options or ReadingOptions()
    try:
        return _read(path, options, name, tuple(expected))
    except RefusalError as refusal:
        raise _with_tried_options(path, options, refusal, tuple(expected)) from None


def _read(path: str, options: ReadingOptions, name: str | None, expected: tuple[str, ...]) -> Reading:
    source = open_source(path, options.encoding)
    try:
        file = InputFile(source, options, name or ("stdin" if path == "-" else Path(path).stem), expected=expected)
        reading = formats.of(file).read(file)
        return replace(reading, signal=with_calendar(reading.signal, options.calendar))
    except UnicodeError as error:
        raise source.undecodable(error) from None
    except OSError as error:
        raise RefusalError(f"cannot be read: {error.strerror}", path=path) from None
    finally:
        source.close()


def _with_tried_options(
    path: str, options: ReadingOptions, refusal: RefusalError, expected: tuple[str, ...]
) -> Exception:
    """Return the error with all options that the file needs: those of one refusal after the other, until it reads.

    Standard input and very large files are not read again: they get the first refusal's options.
    """
    fix, last = dict(refusal.fix), refusal
    if path == "-" or not fix or os.path.getsize(path) > REHEARSED_BYTES:
        return SignalError(refusal.found, hint=refusal.hint, **refusal.where)
    for _ in range(ROUNDS):
        try:
            reading = _read(path, applied(options, fix), None, expected)
            doubt = _doubt(reading.signal, applied(options, fix).layout)
            return refusal.completed(fix, reads=True, doubt=doubt)
        except RefusalError as later:
            grown = merged(fix, later.fix)
            if not later.fix or grown == fix:
                break
            fix, last = grown, later
    return refusal.completed(dict(refusal.fix) if last is refusal else fix, reads=False)


def _doubt(signal: Signal, layout: str) -> str:
    """Return why what was read with proposed options is hardly what is meant; nothing where it may be."""
    kept = sum(map(len, signal.recordings))
    if layout == "columns" and kept < LEAST_KEPT * signal.rows:
        return f"only {kept} of its {signal.rows} rows would be kept"
    values = np.concatenate([recording.values[:, : len(signal.channels)] for recording in signal.recordings])
    is_constant = bool((values.min(axis=0) == values.max(axis=0)).all())
    return "all values would be the same" if is_constant and not signal.symbols and kept > 1 else ""
