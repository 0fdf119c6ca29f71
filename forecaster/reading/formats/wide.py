"""One series a row, behind its name or not: `--layout wide`. Every row is a recording with a label."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.file import InputFile, TableFile
from forecaster.reading.recordings import Reading, note_counts, runs, too_long_to_fill
from forecaster.reading.regular import LONGEST_FILLED, Timing
from forecaster.reading.text import diagnosis
from forecaster.reading.text.cells import kind, split_line
from forecaster.reading.text.dialect import CANDIDATES, chosen_delimiter
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

SAMPLE_LINES, SAMPLE_CHARACTERS, SAMPLE_CELLS = 8, 20_000, 200


def read(file: InputFile) -> Reading:
    """Return the reading of a text with one series a row. Raises RefusalError."""
    described = _described(file)
    recordings, filled, rows, rate_hz = list[Recording](), 0, 0, file.options.rate_hz
    axis = TimeAxis("samples") if rate_hz is None else TimeAxis("seconds", 0.0, 1 / rate_hz)
    for line, label, values in _series(described):
        pieces, count = _pieces(described, values, line)
        filled, rows = filled + count, rows + 1
        for start, piece in pieces:
            time = replace(axis, start=start * axis.step)
            recordings.append(Recording(piece.reshape(-1, 1), time, line, label))
    if not recordings:
        raise file.refusal("no series", expected="one series of numbers a row")
    notes = [f"{rows} series, one a row"]
    note_counts(notes, filled=filled)
    signal = Signal(
        name=file.name,
        channels=described.names,
        recordings=tuple(recordings),
        units=(next(reversed(file.options.units), "").rpartition("=")[2],),
        sample_rate_hz=rate_hz,
        path=file.path,
        sha256=file.source.finish().sha256,
        rows=rows,
        notes=tuple(notes),
    )
    step_s = None if rate_hz is None else 1 / rate_hz
    return Reading(signal, Timing(step_s, interpolated=filled), described.dialect)


def _described(file: InputFile) -> TableFile:
    """Return the file with its dialect, told from its first rows however long they are."""
    lines, skip_rows = list[str](), file.options.skip_rows
    for number, line in enumerate(file.source.lines()):
        if number >= skip_rows and line.strip():
            lines.append(line[:SAMPLE_CHARACTERS])
        if len(lines) >= SAMPLE_LINES:
            break
    if not lines:
        raise file.refusal("nothing to read", expected="one series a row")
    delimiter = chosen_delimiter(file.options)
    pairs = [
        (mark, decimal)
        for mark in ([delimiter] if delimiter else CANDIDATES)
        for decimal in ([file.options.decimal] if file.options.decimal else ".,")
        if mark != decimal
    ] or [(";", ",")]
    mark, decimal = max(pairs, key=lambda pair: _number_share(lines, *pair))
    first = next(line for number, line in enumerate(file.source.lines()) if number >= skip_rows and line.strip())
    header = not file.options.no_header and _is_header(split_line(first, mark), decimal)
    return TableFile(
        file.source,
        file.options,
        file.name,
        expected=file.expected,
        names=("value",),
        kinds=("number",),
        sample=(),
        first_line=skip_rows + 1,
        header=header,
        delimiter=mark,
        decimal=decimal,
    )


def _number_share(lines: list[str], delimiter: str, decimal: str) -> float:
    """Return the share of cells that are numbers, times their count up to 50 a line."""
    cells = [cell for line in lines[1:] or lines for cell in split_line(line, delimiter)[:SAMPLE_CELLS]]
    return sum(kind(cell, decimal) == "number" for cell in cells) / len(cells) * min(len(cells), 50 * len(lines))


def _is_header(cells: list[str], decimal: str) -> bool:
    """Return whether a row holds names: behind the first cell, names are words (V1, V2), not numbers."""
    kinds = [kind(cell, decimal) for cell in cells[1:] if cell.strip()]
    return bool(kinds) and kinds.count("number") < len(kinds) / 2 and "text" in kinds


def _series(file: TableFile) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    """Yield line, label and values (T,), NaN where missing, of each series. Raises RefusalError."""
    # A line is as long as its series, and has been bounded where it was read.
    csv.field_size_limit(sys.maxsize)
    is_first = not file.options.no_header
    for number, line in file.data_lines():
        if not line.strip(file.delimiter + " \t"):
            continue
        cells = split_line(line, file.delimiter)
        may_be_header, is_first = is_first, False
        if may_be_header and _is_header(cells, file.decimal):
            continue
        label = ""
        if kind(cells[0], file.decimal) not in ("number", "empty", "missing") and cells[0] not in file.options.na:
            label, cells = cells[0].strip(), cells[1:]
        while cells and cells[-1].strip() == "":
            cells.pop()
        if not cells:
            raise file.refusal(f"the series {label!r} has no values", line=number)
        yield number, label, _values(file, cells, number)


def _values(file: TableFile, cells: list[str], line: int) -> NDArray[np.float64]:
    """Return the values of a row, each a plain number or an accepted missing cell."""
    options = file.options
    missing = set(options.na) | {""} if options.missing != "error" else set()
    values = list[float]()
    try:
        for text in cells:
            values.append(np.nan if text in missing else diagnosis.number(file, text))
    except ValueError:
        column = len(values)
        raise diagnosis.bad_cell(file, cells[column], line, f"column {column + 1}") from None
    return np.array(values)


def _pieces(
    file: TableFile, values: NDArray[np.float64], line: int
) -> tuple[list[tuple[int, NDArray[np.float64]]], int]:
    """Return a series as (start, values), cut at its missing cells or with short runs filled; and the cells filled."""
    gone = np.isnan(values)
    if not gone.any():
        return [(0, values)], 0
    pieces = runs(~gone)
    if file.options.missing == "split":
        return [(start, values[start:stop]) for start, stop in pieces], 0
    longest = max((start - stop for (_, stop), (start, _) in pairwise(pieces)), default=0)
    if longest > LONGEST_FILLED:
        raise too_long_to_fill(file, longest, line)
    if not pieces:
        return [], 0
    first, last = pieces[0][0], pieces[-1][1]
    at = np.arange(first, last)
    return [(first, np.interp(at, np.flatnonzero(~gone), values[~gone]))], int(gone[at].sum())
