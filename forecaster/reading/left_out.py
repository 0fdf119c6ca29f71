"""Columns that are no channels, judged over the whole file: counts of rows that break, words of summary rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.cells import PATTERNS
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import Fix, RefusalError, as_text
from forecaster.reading.source import Source
from forecaster.reading.table import Table, last_lines
from forecaster.reading.track import Track

LAST_BYTES = 1 << 16
LAST_ROWS = 40
FEWEST_NUMBERS = 8
"""So many numbers at the end of a column of text are not there by chance."""
MOST_SUMMARIES = 12
_SUMMARIES = (
    "mean average avg median max min maximum minimum total totals subtotal sum std stdev stddev std_dev count variance "
    "grand_total standard_deviation mittelwert mittel durchschnitt summe gesamt gesamtsumme standardabweichung stabw "
    "anzahl moyenne somme médiane écart-type media mediana promedio suma totale somma"
)
SUMMARIES = frozenset(_SUMMARIES.split())


def follow_counts(track: Track, table: Table, sniffed: Sniffed, *, roles: Roles, options: ReadingOptions) -> list[str]:
    """Follow each count of rows from row to row: cut where rows are missing, and tell where it begins again.

    A column of time tells gaps better. Raises RefusalError where rows are missing and no option says what to do.
    """
    notes: list[str] = []
    for index, column in table.counts if options.layout == "columns" else ():
        anew, breaks, before = _breaks(column, track)
        name = sniffed.names[index]
        if len(breaks) and track.t is None and not options.no_time:
            shown = f"{column[before[0]]:.15g} to {column[breaks[0]]:.15g}"
            if options.missing != "split":
                raise _broken(track, column, breaks, before=before, sniffed=sniffed, roles=roles, index=index)
            _cut(track, breaks)
            notes.append(f"cut at {len(breaks)} breaks in the count of column {name!r}, the first from {shown}")
        elif len(breaks):
            notes.append(f"column {name!r} has {len(breaks)} breaks in its count, the first {_line(track, breaks)}")
        if len(anew):
            notes.append(f"column {name!r} begins again {len(anew)} times, first {_line(track, anew)}")
            notes[-1] += ": if recordings begin there, --recording-rows or --group-column parts them"
    return notes


def _line(track: Track, rows: NDArray[np.int64]) -> str:
    return f"at line {track.line(int(rows[0]))}"


def _breaks(column: NDArray[np.float64], track: Track) -> tuple[NDArray[np.int64], ...]:
    """Return the rows where a count begins again, those where it goes on otherwise than by one, and the rows before."""
    known = np.flatnonzero(~np.isnan(column))
    off = np.flatnonzero(np.diff(column[known] - known))
    if len(off) and track.block is not None:
        off = off[track.block[known[off]] == track.block[known[off + 1]]]
    before, after = known[off], known[off + 1]
    last, new = column[before], column[after]
    signed = (new == -(last + 1)) & (new <= -128)  # 32767 and then -32768
    anew = (new < last) & ((new == 0) | (new == 1) | (new == column[known[0]]) | signed) if len(off) else off > 0
    return after[anew], after[~anew], before[~anew]


def _cut(track: Track, rows: NDArray[np.int64]) -> None:
    """Let a block begin at each of `rows`."""
    begins = np.zeros(len(track.values), np.int64)
    begins[rows] = 1
    block = 0 if track.block is None else track.block * (len(begins) + 1)
    track.block = block + np.cumsum(begins)


def _broken(
    track: Track,
    column: NDArray[np.float64],
    breaks: NDArray[np.int64],
    *,
    before: NDArray[np.int64],
    sniffed: Sniffed,
    roles: Roles,
    index: int,
) -> RefusalError:
    """Refuse a count that does not go on by one: behind missing rows it can be cut."""
    last, new = column[before[0]], column[breaks[0]]
    ahead = bool((column[breaks] - column[before] > breaks - before).all())
    missing = int(new - last - (breaks[0] - before[0]))
    told = f": {missing} {'row is' if missing == 1 else 'rows are'} missing" if missing > 0 else ""
    on: Fix = roles.named(sniffed) or {"no_time": True}
    fix = on
    advice = "`--missing split` cuts at every such row."
    if ahead:
        fix, advice = {"missing": "split"}, f"That cuts there. If no row is missing, `{as_text(on)}` reads on over it."
    return RefusalError(
        f"counts the rows and goes from {last:.15g} to {new:.15g}{told} ({len(breaks)} such steps in all)",
        path=track.path,
        line=track.line(int(breaks[0])),
        column=sniffed.names[index],
        expected="a count that goes on by one",
        fix=fix,
        advice=advice,
    )


def refuse_summaries(source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions) -> tuple[str, ...]:
    """Refuse last rows that a column beside the numbers calls a mean, a sum: they are no samples.

    Returns notes on columns of text that end in numbers. Reads the end of the file alone, unless it has such a word.
    """
    numbers = () if options.symbols else roles.channels  # labels stand beside numbers that are summed up, too
    rest = [i for i in range(sniffed.width) if i not in (*numbers, *roles.time, roles.group)]
    rows = _last_rows(source, sniffed) if rest and "number" in sniffed.kinds else []
    notes: tuple[str, ...] = ()
    for index in rest if rows else ():
        cells = [row[index] for row in rows]
        run = next((k for k, cell in enumerate(reversed(cells)) if not _sums_up(cell)), len(cells))
        if 0 < run <= MOST_SUMMARIES and len({cell.strip().lower() for cell in cells[-run:]}) == run:
            _refuse_summary(source, sniffed, index, run)
        if sniffed.kinds[index] == "text" and not options.symbols and _numbers(sniffed, cells):
            told = f"the last {len(cells)} rows of column {sniffed.names[index]!r} hold numbers: if it was measured, "
            notes += (f"{told}name it with --column, and its words with --na and --missing split",)
    return notes


def _last_rows(source: Source, sniffed: Sniffed) -> list[list[str]]:
    """Return the last rows, up to those that end in blank lines; none if one is not as wide as the others."""
    lines = last_lines(source, LAST_BYTES)
    lines = lines[sniffed.first_line - 1 :] if source.size <= LAST_BYTES else lines[1:]
    while lines and not lines[-1].strip(",; \t" + sniffed.delimiter):
        lines.pop()
    rows = [split_line(line, sniffed.delimiter) for line in lines[-LAST_ROWS:]]
    return rows if all(len(row) == sniffed.width for row in rows) else []


def _sums_up(cell: str) -> bool:
    return cell.strip().rstrip(":.").lower().replace(" ", "_") in SUMMARIES


def _numbers(sniffed: Sniffed, cells: Sequence[str]) -> bool:
    pattern = PATTERNS[sniffed.decimal]
    return len(cells) >= FEWEST_NUMBERS and all(pattern.fullmatch(cell) for cell in cells)


def _refuse_summary(source: Source, sniffed: Sniffed, index: int, run: int) -> None:
    """Refuse the last `run` rows, unless their kind of word stands further up too."""
    found = [(number, cell) for number, cell in _cells(source, sniffed, index) if _sums_up(cell)]
    if len(found) == run:
        line, text = found[0]
        raise RefusalError(
            f"{text.strip()!r} at the end: the row sums up those above, and is no sample",
            path=source.path,
            line=line,
            column=sniffed.names[index],
            expected="samples in all rows",
            advice="Delete the line." if run == 1 else f"Delete the last {run} lines.",
        )


def _cells(source: Source, sniffed: Sniffed, index: int) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(source.lines(), start=1):
        cells = split_line(line, sniffed.delimiter)
        if number >= sniffed.first_line and index < len(cells):
            yield number, cells[index]
