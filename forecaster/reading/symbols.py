"""Columns of labels: machine states, weather, events, as codes 0..K-1 of an alphabet.

The alphabet is in the order of first appearance. A model keeps its own, and a new file is coded
with that one: `recoded`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import MAX_COVARIATES, ReadingOptions
from forecaster.errors import SignalError, printable
from forecaster.reading.file import InputFile, TableFile
from forecaster.reading.text.cells import DATA_KINDS, kind, split_line
from forecaster.reading.text.dialect import CANDIDATES, SAMPLE_LINES, chosen_delimiter, described
from forecaster.signal.signal import Signal

MAX_SYMBOLS = MAX_COVARIATES
LONGEST_SYMBOL = 64
# From so many rows on, a column without any repetition is taken to identify its rows.
FEWEST_ROWS = 10
SHOWN = 12
# So many lines are looked at for a header: a label may come again late.
HEADER_LINES = 2000


def sniff(file: InputFile) -> TableFile:
    """Return a file of labels with its columns, as its first lines tell them. Raises RefusalError."""
    options = file.options
    refuse_options(file)
    body = file.source.head_lines(options.skip_rows + HEADER_LINES)[options.skip_rows :]
    if not any(line.strip() for line in body):
        raise file.refusal("nothing to read: no text", expected="rows with a label")
    delimiter, decimal = marks(body, options)
    rows = [split_line(line, delimiter) for line in body]
    start = 0 if options.no_header or not has_header(rows, decimal) else 1
    return described(file, rows[:SAMPLE_LINES], start, delimiter=delimiter, decimal=decimal)


def refuse_options(file: InputFile) -> None:
    """Raise RefusalError for options that make no sense for labels."""
    options = file.options
    if options.layout != "columns":
        expected = "one column of labels, a sample a row"
        raise file.refusal(f"--layout {options.layout} with labels", expected=expected)
    if options.missing == "interpolate":
        problem = "--missing interpolate with labels: there is nothing between two symbols"
        raise file.refusal(problem, fix={"missing": "split"})
    if options.duplicates == "mean":
        problem = "--duplicates mean with labels: symbols have no mean"
        raise file.refusal(problem, fix={"duplicates": "first"})
    covariates = {"--exogenous": options.exogenous, "--known": options.known, "--calendar": options.calendar}
    for option, values in {**covariates, "--unit": options.units}.items():
        if values:
            raise file.refusal(f"{option} with labels", expected="a column of labels alone")
    if len(options.columns) > 1:
        raise file.refusal(f"{len(options.columns)} times --column with labels", expected="one column of labels")


def marks(body: Sequence[str], options: ReadingOptions) -> tuple[str, str]:
    """Return delimiter and decimal mark: the mark that cuts nearly all rows into equally many fields, else a comma.

    >>> marks(["t;state", "0,5;on", "1,0;off"], ReadingOptions())
    (';', ',')
    """
    lines = [line for line in body if line.strip()]
    cutting = (mark for mark in CANDIDATES if _cuts_evenly(lines, mark))
    delimiter = chosen_delimiter(options) or next(cutting, ",")
    decimals = [options.decimal] if options.decimal else [mark for mark in ".," if mark != delimiter]
    cells = [cell for line in lines for cell in split_line(line, delimiter)]
    return delimiter, max(decimals, key=lambda decimal: sum(kind(cell, decimal) in DATA_KINDS for cell in cells))


def _cuts_evenly(lines: Sequence[str], mark: str) -> bool:
    widths = Counter(len(split_line(line, mark)) for line in lines)
    width, usual = widths.most_common(1)[0]
    return width > 1 and usual >= 0.9 * len(lines)


def has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Return whether the first row is a header: no number or stamp, and none of its cells comes again below.

    >>> has_header([["weather"], ["S"], ["C"]], "."), has_header([["S"], ["C"], ["S"]], ".")
    (True, False)
    """
    if len(rows) < 2 or any(kind(cell, decimal) in DATA_KINDS for cell in rows[0]):
        return False
    return not any(
        cell.strip() and any(cell.strip() == row[column].strip() for row in rows[1:] if column < len(row))
        for column, cell in enumerate(rows[0])
    )


def check_cell(file: TableFile, text: str, line: int) -> None:
    """Raise RefusalError for a cell that is missing and not accepted as such, or that is no symbol."""
    symbol, column = text.strip(), file.names[file.roles.channels[0]]
    if symbol in ("", *file.options.na):
        if file.options.missing == "error":
            problem = f"{printable(repr(symbol), 60)}, which --na calls missing" if symbol else "an empty cell"
            raise file.refusal(problem, line=line, column=column, expected="a label", fix={"missing": "split"})
    elif not is_symbol(symbol):
        problem = f"{printable(repr(symbol), 60)}, {len(symbol)} characters"
        expected = f"a label of at most {LONGEST_SYMBOL} printable characters"
        raise file.refusal(problem, line=line, column=column, expected=expected)


def is_symbol(text: str) -> bool:
    """Return whether `text` can be a symbol: at most 64 printable characters."""
    return len(text) <= LONGEST_SYMBOL and text.isprintable()


def coded(cells: NDArray[Any], options: ReadingOptions) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return texts (T,) as codes, NaN where one is missing, and their alphabet in the order of first appearance.

    >>> coded(np.array(["S", "C ", "S", ""], object), ReadingOptions())[0].tolist()
    [0.0, 1.0, 0.0, nan]
    """
    import pandas as pd

    numbers, texts = pd.factorize(cells)
    names = [str(text).strip() for text in texts]
    alphabet = tuple(dict.fromkeys(name for name in names if name not in ("", *options.na)))
    code = {name: float(k) for k, name in enumerate(alphabet)}
    return np.array([*(code.get(name, np.nan) for name in names), np.nan])[numbers], alphabet


def check_alphabet(file: TableFile, alphabet: Sequence[str], rows: int) -> None:
    """Raise RefusalError for a column of `rows` labels that is hardly one of symbols."""
    column = file.names[file.roles.channels[0]]
    if len(alphabet) == rows >= FEWEST_ROWS:
        first = printable(", ".join(repr(symbol) for symbol in alphabet[:3]), 120)
        raise file.refusal(
            f"{rows} rows with {rows} different labels ({first}, ...): no symbols, rather an identifier",
            column=column,
            expected="labels that come again",
            advice="--column chooses another column.",
        )
    if len(alphabet) > MAX_SYMBOLS:
        raise file.refusal(f"{len(alphabet)} different labels", column=column, expected=f"at most {MAX_SYMBOLS}")


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
        numbers = recording.values[:, 0].astype(np.int64)
        values = table[numbers]
        unknown = np.flatnonzero(np.isnan(values))
        if len(unknown):
            row = int(unknown[0])
            raise SignalError(
                f"the symbol {printable(repr(signal.symbols[numbers[row]]), 80)}",
                path=signal.path,
                line=recording.line + row,
                column=signal.channels[0],
                expected=f"one of those the model knows: {listed(alphabet)}",
                hint="Train a model on a recording that has it.",
            )
        recordings.append(replace(recording, values=values[:, None]))
    return replace(signal, recordings=tuple(recordings), symbols=alphabet)


def listed(symbols: Sequence[str]) -> str:
    """Return up to twelve symbols as a text.

    >>> listed(("S", "C"))
    'S, C'
    """
    return ", ".join(symbols[:SHOWN]) + (f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else "")
