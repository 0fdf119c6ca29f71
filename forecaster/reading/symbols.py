"""Columns of labels: machine states, weather, events, as codes 0..K-1 of an alphabet.

The alphabet is in the order of first appearance. A model keeps its own, and a new file is coded
with that one: `recoded`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import MAX_COVARIATES, ReadingOptions
from forecaster.errors import SignalError, printable
from forecaster.reading.cells import DATA_KINDS, kind
from forecaster.reading.dialect import CANDIDATES, SAMPLE_LINES, SPELLED, Sniffed, described, split_line
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source
from forecaster.signal.signal import Signal

MAX_SYMBOLS = MAX_COVARIATES
LONGEST_SYMBOL = 64
FEWEST_ROWS = 10
"""From so many rows on a column without any repetition is taken to identify its rows."""
SHOWN = 12
HEADER_LINES = 2000


def sniff(source: Source, options: ReadingOptions) -> Sniffed:
    """Tell the dialect of a file with a column of labels from its first lines. Raises RefusalError."""
    refuse_options(options, source.path)
    body = source.head_lines(options.skip_rows + HEADER_LINES)[options.skip_rows :]
    if not any(line.strip() for line in body):
        raise RefusalError("nothing to read: no text", path=source.path, expected="rows with a label")
    found = marks(body, options)
    rows = [split_line(line, found[0]) for line in body]
    start = 0 if options.no_header or not has_header(rows, found[1]) else 1
    return described(source, rows[:SAMPLE_LINES], start, options=options, marks=found)


def refuse_options(options: ReadingOptions, path: str) -> None:
    """Raise RefusalError for options that make no sense for labels."""
    if options.layout != "columns":
        found, expected = f"--layout {options.layout} with labels", "one column of labels, a sample a row"
        raise RefusalError(found, path=path, expected=expected)
    if options.missing == "interpolate":
        found = "--missing interpolate with labels: there is nothing between two symbols"
        raise RefusalError(found, path=path, fix={"missing": "split"})
    if options.duplicates == "mean":
        found = "--duplicates mean with labels: symbols have no mean"
        raise RefusalError(found, path=path, fix={"duplicates": "first"})
    beside = {"--exogenous": options.exogenous, "--known": options.known, "--calendar": options.calendar}
    for name, given in {**beside, "--unit": options.units}.items():
        if given:
            raise RefusalError(f"{name} with labels", path=path, expected="a column of labels alone")
    if len(options.columns) > 1:
        found = f"{len(options.columns)} times --column with labels"
        raise RefusalError(found, path=path, expected="one column of labels")


def marks(body: Sequence[str], options: ReadingOptions) -> tuple[str, str]:
    """Return delimiter and decimal mark: the mark that cuts nearly all rows into equally many fields, else a comma.

    >>> marks(["t;state", "0,5;on", "1,0;off"], ReadingOptions())
    (';', ',')
    """
    lines = [line for line in body if line.strip()]
    given = SPELLED.get(options.delimiter or "", options.delimiter)
    delimiter = given or next((mark for mark in CANDIDATES if _cuts(lines, mark)), ",")
    decimals = [options.decimal] if options.decimal else [mark for mark in ".," if mark != delimiter]
    return delimiter, max(decimals, key=lambda decimal: _numbers(lines, delimiter, decimal))


def _cuts(lines: Sequence[str], mark: str) -> bool:
    widths = Counter(len(split_line(line, mark)) for line in lines)
    width, usual = widths.most_common(1)[0]
    return width > 1 and usual >= 0.9 * len(lines)


def _numbers(lines: Sequence[str], delimiter: str, decimal: str) -> int:
    return sum(kind(cell, decimal) in DATA_KINDS for line in lines for cell in split_line(line, delimiter))


def has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Tell a header: no number or stamp in the first row, and none of its cells comes again below.

    >>> has_header([["weather"], ["S"], ["C"]], "."), has_header([["S"], ["C"], ["S"]], ".")
    (True, False)
    """
    if len(rows) < 2 or any(kind(cell, decimal) in DATA_KINDS for cell in rows[0]):
        return False
    return not any(
        cell.strip() and any(cell.strip() == row[column].strip() for row in rows[1:] if column < len(row))
        for column, cell in enumerate(rows[0])
    )


def check_cell(text: str, options: ReadingOptions, *, path: str, line: int, column: str) -> None:
    """Raise RefusalError for a cell that is missing and not accepted as such, or that is no symbol."""
    symbol = text.strip()
    refuse = partial(RefusalError, path=path, line=line, column=column)
    if symbol in ("", *options.na):
        if options.missing == "error":
            found = f"{printable(repr(symbol), 60)}, which --na calls missing" if symbol else "an empty cell"
            raise refuse(found, expected="a label", fix={"missing": "split"})
    elif not is_symbol(symbol):
        found = f"{printable(repr(symbol), 60)}, {len(symbol)} characters"
        raise refuse(found, expected=f"a label of at most {LONGEST_SYMBOL} printable characters")


def is_symbol(text: str) -> bool:
    """Tell whether `text` can be a symbol: at most 64 printable characters."""
    return len(text) <= LONGEST_SYMBOL and text.isprintable()


def coded(cells: NDArray[Any], options: ReadingOptions) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return texts (T,) as codes, NaN where one is missing, and the alphabet in the order of first appearance.

    >>> coded(np.array(["S", "C ", "S", ""], object), ReadingOptions())[0].tolist()
    [0.0, 1.0, 0.0, nan]
    """
    import pandas as pd

    number, texts = pd.factorize(cells)
    names = [str(text).strip() for text in texts]
    alphabet = tuple(dict.fromkeys(name for name in names if name not in ("", *options.na)))
    code = {name: float(k) for k, name in enumerate(alphabet)}
    return np.array([*(code.get(name, np.nan) for name in names), np.nan])[number], alphabet


def check_alphabet(alphabet: Sequence[str], rows: int, *, path: str, column: str) -> None:
    """Raise RefusalError for a column of `rows` labels that is hardly one of symbols."""
    if len(alphabet) == rows >= FEWEST_ROWS:
        some = ", ".join(repr(symbol) for symbol in alphabet[:3])
        raise RefusalError(
            f"{rows} rows with {rows} different labels ({printable(some, 120)}, ...): no symbols, rather an identifier",
            path=path,
            column=column,
            expected="labels that come again",
            advice="--column chooses another column.",
        )
    if len(alphabet) > MAX_SYMBOLS:
        expected = f"at most {MAX_SYMBOLS}"
        raise RefusalError(f"{len(alphabet)} different labels", path=path, column=column, expected=expected)


def one_alphabet(signals: Sequence[Signal]) -> list[Signal]:
    """Return `signals` with codes of one alphabet: all their symbols, in the order of first appearance."""
    alphabet = tuple(dict.fromkeys(symbol for signal in signals for symbol in signal.symbols))
    return [recoded(signal, alphabet) if signal.symbols else signal for signal in signals]


def recoded(signal: Signal, alphabet: tuple[str, ...]) -> Signal:
    """Return `signal` with the codes of `alphabet`.

    Raises SignalError with line and column for a symbol that `alphabet` does not have.
    """
    if signal.symbols == alphabet:
        return signal
    code = {symbol: float(k) for k, symbol in enumerate(alphabet)}
    table = np.array([code.get(symbol, np.nan) for symbol in signal.symbols])
    recordings = []
    for recording in signal.recordings:
        number = recording.values[:, 0].astype(np.int64)
        values = table[number]
        unknown = np.flatnonzero(np.isnan(values))
        if len(unknown):
            row = int(unknown[0])
            raise SignalError(
                f"the symbol {printable(repr(signal.symbols[number[row]]), 80)}",
                path=signal.path,
                line=recording.line + row,
                column=signal.channels[0],
                expected=f"one of those the model knows: {listed(alphabet)}",
                hint="Train a model on a recording that has it.",
            )
        recordings.append(replace(recording, values=values[:, None]))
    return replace(signal, recordings=tuple(recordings), symbols=alphabet)


def listed(symbols: Sequence[str]) -> str:
    """Name up to twelve symbols.

    >>> listed(("S", "C"))
    'S, C'
    """
    return ", ".join(symbols[:SHOWN]) + (f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else "")
