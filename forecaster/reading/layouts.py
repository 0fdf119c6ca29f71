"""The other layouts: one series a row (wide), one value a row with its channel's name (long)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import careful
from forecaster.reading.cells import kind
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import CANDIDATES, SPELLED, Dialect, Sniffed, split_line
from forecaster.reading.refusal import RefusalError
from forecaster.reading.regular import LONGEST_FILLED
from forecaster.reading.source import Source
from forecaster.reading.table import Table

WIDE_SAMPLE = 8


def wide_marks(source: Source, options: ReadingOptions) -> tuple[str, str]:
    """Return delimiter and decimal mark of a wide file, from its first rows however long they are."""
    lines = []
    for number, line in enumerate(source.lines()):
        if number >= options.skip_rows and line.strip():
            lines.append(line[:20000])
        if len(lines) >= WIDE_SAMPLE:
            break
    if not lines:
        raise RefusalError("nothing to read", path=source.path, expected="one series a row")
    given = SPELLED.get(options.delimiter or "", options.delimiter)
    marks = [given] if given else list(CANDIDATES)
    decimals = [options.decimal] if options.decimal else [".", ","]
    pairs = [(m, d) for m in marks for d in decimals if m != d]
    return max(pairs, key=lambda pair: _numbers(lines, *pair))


def _numbers(lines: list[str], mark: str, decimal: str) -> float:
    cells = [c for line in lines[1:] or lines for c in split_line(line, mark)[:200]]
    return sum(kind(c, decimal) == "number" for c in cells) / len(cells) * min(len(cells), 50 * len(lines))


def wide_rows(
    source: Source, options: ReadingOptions, marks: tuple[str, str]
) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    """Yield line, label and values (NaN where missing) of each series. Raises SignalError."""
    delimiter, decimal = marks
    csv.field_size_limit(sys.maxsize)
    sniffed = Sniffed(delimiter, decimal, False, options.skip_rows, ("value",), 1, ("number",), ())
    header = not options.no_header
    for number, line in enumerate(source.lines(), start=1):
        if number <= options.skip_rows or not line.strip(delimiter + " \t"):
            continue
        cells = split_line(line, delimiter)
        first, header = header, False
        if first and _is_header(cells, decimal):
            continue
        label, cells = ("", cells) if _valued(cells[0], decimal, options) else (cells[0].strip(), cells[1:])
        while cells and cells[-1].strip() == "":
            cells.pop()
        if not cells:
            raise RefusalError(f"the series {label!r} has no values", path=source.path, line=number)
        yield number, label, _series(source, sniffed, cells, number=number, options=options)


def _valued(cell: str, decimal: str, options: ReadingOptions) -> bool:
    return kind(cell, decimal) in ("number", "empty", "missing") or cell in options.na


def _is_header(cells: list[str], decimal: str) -> bool:
    """Tell names from a series: behind the first cell, names are words (V1, V2), not numbers."""
    rest = [kind(c, decimal) for c in cells[1:] if c.strip()]
    return bool(rest) and rest.count("number") < len(rest) / 2 and "text" in rest


def _series(
    source: Source, sniffed: Sniffed, cells: list[str], *, number: int, options: ReadingOptions
) -> NDArray[np.float64]:
    """Convert the cells of one row, each a plain number or an accepted missing cell."""
    gone = set(options.na) | {""} if options.missing != "error" else set()
    try:
        return np.array([np.nan if c in gone else careful.number(c, sniffed, options) for c in cells])
    except ValueError:
        for column, text in enumerate(cells, start=1):
            try:
                if text not in gone:
                    careful.number(text, sniffed, options)
            except ValueError:
                shown = f"column {column}"
                raise careful.bad_cell(source, sniffed, text, line=number, column=shown, options=options) from None
        raise


def wide_pieces(values: NDArray[np.float64], options: ReadingOptions, *, path: str, line: int) -> tuple[list[Any], int]:
    """Cut a series at its missing cells, or fill short runs; return (start, values) pairs and cells filled."""
    gone = np.isnan(values)
    if not gone.any():
        return [(0, values)], 0
    edges = np.diff(np.concatenate([[0], (~gone).astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if options.missing == "split":
        return [(int(a), values[a:b]) for a, b in zip(starts, stops, strict=True)], 0
    longest = int((starts[1:] - stops[:-1]).max()) if len(starts) > 1 else 0
    if longest > LONGEST_FILLED:
        raise RefusalError(
            f"{longest} missing cells in a row",
            path=path,
            line=line,
            expected=f"at most {LONGEST_FILLED} to interpolate",
            fix={"missing": "split"},
        )
    if not len(starts):
        return [], 0
    at = np.arange(starts[0], stops[-1])
    return [(int(starts[0]), np.interp(at, np.flatnonzero(~gone), values[~gone]))], int(gone[at].sum())


def wide_dialect(source: Source, options: ReadingOptions, marks: tuple[str, str]) -> Dialect:
    """Return the dialect of a wide file."""
    first = next(line for i, line in enumerate(source.lines()) if i >= options.skip_rows and line.strip())
    header = not options.no_header and _is_header(split_line(first, marks[0]), marks[1])
    return Dialect(source.encoding, *marks, header, options.skip_rows, ("value",))


def pivot(
    table: Table, t: NDArray[Any] | None, roles: Roles, options: ReadingOptions, *, path: str
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[Any] | None]:
    """Turn long rows into channels: names, values (T, C), and the stamps that they share. Raises SignalError."""
    if table.group is None:
        raise RefusalError(
            "--layout long without --group-column", path=path, expected="the column that holds the channels' names"
        )
    if len(roles.channels) != 1:
        raise RefusalError(
            f"{len(roles.channels)} columns of values", path=path, expected="one: choose it with --column"
        )
    labels = [str(label).strip() for label in table.group]
    names = tuple(dict.fromkeys(labels))
    codes = np.array([names.index(label) for label in labels]) if len(names) < 50 else _codes(labels, names)
    column = table.values[:, 0]
    if t is None:
        return names, _stacked(column, codes, names, path=path), None
    stamps, place = np.unique(t, return_inverse=True)
    values, count = np.zeros((len(stamps), len(names))), np.zeros((len(stamps), len(names)), np.int64)
    if options.duplicates == "first":
        _, first = np.unique(place * len(names) + codes, return_index=True)
        place, codes, column = place[first], codes[first], column[first]
    np.add.at(values, (place, codes), column)
    np.add.at(count, (place, codes), 1)
    _refuse_twice(count, names, table, place=place, codes=codes, options=options, path=path)
    _refuse_absent(count, names, options, path=path)
    with np.errstate(invalid="ignore"):
        return names, np.where(count > 0, values / count, np.nan), stamps


def _codes(labels: list[str], names: tuple[str, ...]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[label] for label in labels])


def _stacked(
    column: NDArray[np.float64], codes: NDArray[Any], names: tuple[str, ...], *, path: str
) -> NDArray[np.float64]:
    parts = [column[codes == code] for code in range(len(names))]
    if len({len(part) for part in parts}) > 1:
        sizes = ", ".join(f"{n!r} {len(p)}" for n, p in zip(names[:5], parts, strict=False))
        raise RefusalError(
            f"channels of different lengths ({sizes})", path=path, expected="a time column, or equal lengths"
        )
    return np.column_stack(parts)


def _refuse_twice(
    count: NDArray[Any], names: Any, table: Table, *, place: Any, codes: Any, options: Any, path: str
) -> None:
    if options.duplicates != "error" or count.max() <= 1:
        return
    stamp, channel = np.argwhere(count > 1)[0]
    row = int(np.flatnonzero((place == stamp) & (codes == channel))[1])
    raise RefusalError(
        "the same stamp twice for one channel",
        path=path,
        line=table.first_line + row,
        column=names[channel],
        expected="one row a stamp and channel",
        fix={"duplicates": "mean"},
    )


def _refuse_absent(count: NDArray[Any], names: Any, options: ReadingOptions, *, path: str) -> None:
    if options.missing == "error" and (count == 0).any():
        stamp, channel = np.argwhere(count == 0)[0]
        raise RefusalError(
            f"no value at the {stamp + 1}. stamp ({int((count == 0).sum())} missing)",
            path=path,
            column=names[channel],
            expected="every channel at every stamp",
            fix={"missing": "interpolate"},
        )
