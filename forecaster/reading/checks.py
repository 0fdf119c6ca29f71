"""Checks of what was read: values and texts that are hardly what the table takes them for.

Each refuses what would be a wrong signal without a word, with the option that reads it right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.columns import resolve
from forecaster.reading.file import Table, TableFile
from forecaster.reading.measurements import letters
from forecaster.reading.refusal import Fix, RefusalError, as_text
from forecaster.reading.regular import Track
from forecaster.reading.text.cells import PATTERNS, SECONDS, TIME_UNITS, mark_pattern, split_line

# Names of columns that number recordings, machines or channels, alone or before one of the suffixes.
_NUMBERING = (
    "snapshot run group recording record file cycle segment block trial test experiment batch session machine unit "
    "sensor device subject event burst measurement series channel lap bearing specimen sweep shot"
)
NUMBERING = frozenset([*_NUMBERING.split(), "id", "uid"])
SUFFIX = re.compile(r"(?:id|no|nr|num|number|index|idx|#)$")
# Such a column changes in at most this share of its rows.
MOST_CHANGES = 0.05
# Values that loggers customarily write for missing.
CUSTOMARY_CODES = frozenset([-99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, -32768.0, -200.0])
# Numbers up to 999 without a point, and with one before their last three digits.
BARE, DOTTED = re.compile(r"[+-]?[0-9]{1,3}"), re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
FEWEST_BARE = 3
# How much of the end of a file is looked at for rows that sum up those above.
LAST_BYTES, LAST_ROWS = 1 << 16, 40
# So many numbers at the end of a column of text are not there by chance.
FEWEST_NUMBERS = 8
MOST_SUMMARIES = 12
_SUMMARIES = (
    "mean average avg median max min maximum minimum total totals subtotal sum std stdev stddev std_dev count variance "
    "grand_total standard_deviation mittelwert mittel durchschnitt summe gesamt gesamtsumme standardabweichung stabw "
    "anzahl moyenne somme médiane écart-type media mediana promedio suma totale somma"
)
SUMMARIES = frozenset(_SUMMARIES.split())


# Values: codes for missing, numbers of recordings, counts of rows.


def refuse_missing_code(table: Table) -> None:
    """Raise RefusalError for values that look like a code for missing, unless --na says what missing is."""
    file = table.file
    code = None if file.options.na or file.options.symbols else missing_code(table.measured)
    if code is None:
        return
    row, channel = np.argwhere(table.measured == code)[0]
    count = int((table.measured == code).sum())
    raise file.refusal(
        f"the value {code:g} stands {count} times, far from all others: it looks like a code for missing",
        line=file.first_line + int(row),
        column=file.names[file.roles.channels[channel]],
        expected="measured values",
        fix={"na": (f"{code:g}",), **({"missing": "interpolate"} if file.options.missing == "error" else {})},
        advice="If it was measured: `--na ''`.",
    )


def missing_code(values: NDArray[np.float64]) -> float | None:
    """Return a value of (T, C) that is likely a code for missing: the same far-off whole number, again and again.

    It must be the least or the greatest value of two columns (of one, where it is a customary
    code such as -999), stand in each at least twice, and lie in one of them further from the
    rest than the rest is wide.
    """
    candidates: dict[float, tuple[int, bool]] = {}
    for column in values.T:
        for code in (column.min(), column.max()):
            # NaN is neither.
            if not abs(code) >= 99 or code != np.round(code):
                continue
            plain = column[(column != code) & ~np.isnan(column)]
            if len(column) - len(plain) < 2 or not len(plain):
                continue
            is_far = min(abs(code - plain.min()), abs(code - plain.max())) > np.ptp(plain)
            count, was_far = candidates.get(float(code), (0, False))
            candidates[float(code)] = (count + 1, was_far or bool(is_far))
    likely = (code for code, (count, far) in candidates.items() if far and (count > 1 or code in CUSTOMARY_CODES))
    return next(likely, None)


def check_numbering(table: Table) -> None:
    """Note channels that may number recordings by their values; those that were chosen are channels.

    Raises:
        RefusalError: A channel numbers recordings by its values and by its name.
    """
    file, options = table.file, table.file.options
    if options.group_column or options.recording_rows or options.columns or len(file.roles.channels) < 2:
        return
    for place, index in enumerate(file.roles.targets):
        head, name = table.measured[: 1 << 20, place], file.names[index]
        # NaN is no whole number.
        if not (head == np.round(head)).all():
            continue
        changed = np.flatnonzero(head[1:] != head[:-1])
        is_rare = len(changed) <= MOST_CHANGES * len(head)
        plain = letters(name)
        if file.header and is_rare and (plain in NUMBERING or SUFFIX.sub("", plain) in NUMBERING):
            times = f"changes {len(changed)} times" if len(changed) else "never changes"
            raise file.refusal(
                f"holds whole numbers and {times}: by its name it says which recording a row belongs to",
                line=file.first_line,
                column=name,
                expected="channels that were measured",
                fix={"group_column": name},
                advice="If it was measured, name every channel with --column.",
            )
        if len(changed) > 1 and is_rare and (head[changed + 1] == head[changed] + 1).all():
            table.notes.append(
                f"column {name!r} counts up {len(changed)} times: if it numbers recordings, --group-column {name!r}"
            )


def follow_counts(table: Table, track: Track) -> None:
    """Follow each count of rows from row to row: cut where rows are missing, and note where it begins again.

    A column of time tells gaps better. Raises RefusalError where rows are missing and no option says what to do.
    """
    file, options = table.file, table.file.options
    for index, column in table.counts if options.layout == "columns" else ():
        restarts, breaks, before = _restarts_and_breaks(column, track)
        name = file.names[index]
        if len(breaks) and track.t is None and not options.no_time:
            if options.missing != "split":
                raise _broken_count(track, column, breaks, before=before, index=index)
            track.cut(breaks)
            first = f"{column[before[0]]:.15g} to {column[breaks[0]]:.15g}"
            table.notes.append(f"cut at {len(breaks)} breaks in the count of column {name!r}, the first from {first}")
        elif len(breaks):
            line = track.line(int(breaks[0]))
            table.notes.append(f"column {name!r} has {len(breaks)} breaks in its count, the first at line {line}")
        if len(restarts):
            line = track.line(int(restarts[0]))
            table.notes.append(
                f"column {name!r} begins again {len(restarts)} times, first at line {line}"
                ": if recordings begin there, --recording-rows or --group-column parts them"
            )


def _restarts_and_breaks(column: NDArray[np.float64], track: Track) -> tuple[NDArray[np.int64], ...]:
    """Return the rows where a count begins again, those where it goes on otherwise than by one, and the rows before."""
    filled = np.flatnonzero(~np.isnan(column))
    odd = np.flatnonzero(np.diff(column[filled] - filled))
    if len(odd) and track.block is not None:
        odd = odd[track.block[filled[odd]] == track.block[filled[odd + 1]]]
    before, after = filled[odd], filled[odd + 1]
    last, new = column[before], column[after]
    # A counter of 16 bits goes from 32767 to -32768.
    wraps = (new == -(last + 1)) & (new <= -128)
    is_restart = (new < last) & ((new == 0) | (new == 1) | (new == column[filled[0]]) | wraps) if len(odd) else odd > 0
    return after[is_restart], after[~is_restart], before[~is_restart]


def _broken_count(
    track: Track, column: NDArray[np.float64], breaks: NDArray[np.int64], *, before: NDArray[np.int64], index: int
) -> RefusalError:
    """Return the refusal of a count that does not go on by one: behind missing rows it can be cut."""
    file = track.file
    last, new = column[before[0]], column[breaks[0]]
    only_missing = bool((column[breaks] - column[before] > breaks - before).all())
    missing = int(new - last - (breaks[0] - before[0]))
    how_many = f": {missing} {'row is' if missing == 1 else 'rows are'} missing" if missing > 0 else ""
    fix: Fix = file.targets_by_name() or {"no_time": True}
    advice = "`--missing split` cuts at every such row."
    if only_missing:
        advice = f"That cuts there. If no row is missing, `{as_text(fix)}` reads on over it."
        fix = {"missing": "split"}
    return file.refusal(
        f"counts the rows and goes from {last:.15g} to {new:.15g}{how_many} ({len(breaks)} such steps in all)",
        line=track.line(int(breaks[0])),
        column=file.names[index],
        expected="a count that goes on by one",
        fix=fix,
        advice=advice,
    )


# Texts: thousands marks in columns of text, and rows that sum up those above.


def refuse_grouped_digits(file: TableFile) -> None:
    """Raise RefusalError for a column of text that holds numbers with thousands marks: it would be dropped."""
    if file.options.columns or file.options.symbols or file.options.thousands is not None:
        return
    named = {"--time-column": file.options.time_columns, "--group-column": (file.options.group_column or "",)}
    taken = {resolve(file, name, option) for option, names in named.items() for name in names if name}
    for index, kind in enumerate(file.kinds):
        cells = [cell.strip() for cell in file.sample_of(index)]
        is_free = kind == "text" and index not in taken
        mark, fix = _grouping(file, cells) if is_free else (None, {})
        if mark is not None:
            raise file.refusal(
                f"{cells[0]!r} and others hold {mark!r}, perhaps between thousands",
                line=file.first_line,
                column=file.names[index],
                expected="plain decimal numbers",
                fix=fix,
                advice="--column chooses other columns.",
            )


def _grouping(file: TableFile, cells: list[str]) -> tuple[str | None, dict[str, str]]:
    """Return the thousands mark of a column and the options that read it; none if it is the others' decimal mark."""
    mark = grouped_mark(cells, file.decimal)
    if mark is not None:
        return mark, {"thousands": mark}
    other_decimal = "," if file.decimal == "." else "."
    mark = grouped_mark(cells, other_decimal)
    if mark is None:
        return None, {}
    numbers = (PATTERNS[file.decimal].fullmatch(cell.strip()) for row in file.sample for cell in row)
    has_decimals = any(number and file.decimal in number[0] for number in numbers)
    if has_decimals or file.delimiter == other_decimal:
        return mark, {}
    return mark, {"thousands": mark, "decimal": other_decimal}


def grouped_mark(cells: list[str], decimal: str) -> str | None:
    """Return the thousands mark of a column in which every cell is a number, with the mark or without.

    >>> grouped_mark(["1.234,5", "999,1"], ","), grouped_mark(["1.2", "abc"], ".")
    ('.', None)
    """
    point = re.escape(decimal)
    for mark in ",.' _":
        grouped = re.compile(rf"[+-]?[0-9]{{1,3}}(?:{mark_pattern(mark)}[0-9]{{3}})+(?:{point}[0-9]*)?")
        filled = [cell for cell in cells if cell]
        fits = [bool(grouped.fullmatch(cell)) for cell in filled]
        plain = (PATTERNS[decimal].fullmatch(cell) for cell in filled)
        if mark != decimal and any(fits) and all(a or b for a, b in zip(fits, plain, strict=True)):
            return mark
    return None


def check_last_rows(file: TableFile) -> TableFile:
    """Return the file with notes on columns of text that end in numbers.

    Reads the end of the file alone, unless it has a word for a summary.

    Raises:
        RefusalError: A column beside the numbers calls the last rows a mean or a sum: they are no samples.
    """
    options, roles = file.options, file.roles
    # Labels stand beside numbers that are summed up, too.
    numbers = () if options.symbols else roles.channels
    candidates = [index for index in range(file.width) if index not in (*numbers, *roles.time, roles.group)]
    rows = _last_rows(file) if candidates and "number" in file.kinds else []
    notes = list[str]()
    for index in candidates if rows else ():
        cells = [row[index] for row in rows]
        run = next((k for k, cell in enumerate(reversed(cells)) if not _is_summary(cell)), len(cells))
        if 0 < run <= MOST_SUMMARIES and len({cell.strip().lower() for cell in cells[-run:]}) == run:
            _refuse_summary(file, index, run)
        ends_in_numbers = len(cells) >= FEWEST_NUMBERS and all(map(PATTERNS[file.decimal].fullmatch, cells))
        if file.kinds[index] == "text" and not options.symbols and ends_in_numbers:
            notes.append(
                f"the last {len(cells)} rows of column {file.names[index]!r} hold numbers: if it was measured, "
                "name it with --column, and its words with --na and --missing split"
            )
    return replace(file, notes=(*file.notes, *notes))


def _last_rows(file: TableFile) -> list[list[str]]:
    """Return the last rows, up to those that end in blank lines; none if one is not as wide as the others."""
    lines = file.source.last_lines(LAST_BYTES)
    lines = lines[file.first_line - 1 :] if file.source.size <= LAST_BYTES else lines[1:]
    while lines and not lines[-1].strip(",; \t" + file.delimiter):
        lines.pop()
    lines = lines[: len(lines) - file.options.skip_end]
    rows = [split_line(line, file.delimiter) for line in lines[-LAST_ROWS:]]
    return rows if all(len(row) == file.width for row in rows) else []


def _is_summary(cell: str) -> bool:
    return cell.strip().rstrip(":.").lower().replace(" ", "_") in SUMMARIES


def _refuse_summary(file: TableFile, index: int, run: int) -> None:
    """Raise RefusalError for the last `run` rows, unless their kind of word stands further up too."""
    summaries = [
        (line, cells[index]) for line, cells in _rows(file) if index < len(cells) and _is_summary(cells[index])
    ]
    if len(summaries) == run:
        line, text = summaries[0]
        raise file.refusal(
            f"{text.strip()!r} at the end: the row sums up those above, and is no sample",
            line=line,
            column=file.names[index],
            expected="samples in all rows",
            fix={"skip_end": file.options.skip_end + run},
        )


def _rows(file: TableFile) -> Iterator[tuple[int, list[str]]]:
    for line, text in file.data_lines():
        yield line, split_line(text, file.delimiter)


def _texts_of(file: TableFile, columns: Sequence[int], rows: int) -> dict[int, list[str]]:
    """Return the texts of some columns, of the first `rows` rows."""
    texts: dict[int, list[str]] = {index: [] for index in columns}
    for line, cells in _rows(file):
        if line < file.first_line + rows:
            for index in columns:
                texts[index].append(cells[index].strip() if index < len(cells) else "")
    return texts


# Long tables: stamps that rise only within each label of another column.


def refuse_long(table: Table) -> None:
    """Raise RefusalError for stamps that stand twice or step back, if they rise within each label of another column.

    Sorting or averaging would mix the channels: the refusal names the layout or the group column.
    """
    file, options, rows = table.file, table.file.options, len(table)
    if table.stamps is None or options.layout != "columns" or options.group_column or rows < 4:
        return
    t = table.stamps.values
    if bool((np.diff(t) > 0).all()):
        return
    taken = (*file.roles.time, *(file.roles.channels if options.columns or options.symbols else ()))
    columns = [i for i, kind in enumerate(file.kinds) if kind in ("text", "number") and i not in taken]
    for index, labels in _texts_of(file, columns, rows).items() if columns else ():
        is_number = file.kinds[index] == "number"
        are_labels = file.kinds[index] == "text" or all(re.fullmatch(r"\d{1,9}", label) for label in labels)
        if 1 < len(set(labels)) <= rows / 3 and are_labels and _rise_within(labels, t):
            if is_number and (letters(file.names[index]) in TIME_UNITS or _are_hours(labels)):
                raise _part_of_time(file, index, labels)
            raise _long_table(file, index, labels, t)


def _rise_within(labels: list[str], t: NDArray[Any]) -> bool:
    """Return whether the stamps rise from row to row of each label."""
    last: dict[str, Any] = {}
    for label, stamp in zip(labels, t.tolist(), strict=True):
        if label in last and stamp <= last[label]:
            return False
        last[label] = stamp
    return True


def _are_hours(labels: list[str]) -> bool:
    """Return whether labels are 0 to 23, 1 to 24, or as many halves or quarters of hours: no machine counts so."""
    numbers = sorted({int(label) for label in labels})
    return numbers[0] in (0, 1) and len(numbers) in (24, 48, 96) and numbers[-1] - numbers[0] + 1 == len(numbers)


def _part_of_time(file: TableFile, index: int, labels: list[str]) -> RefusalError:
    """Return the refusal of a column of seconds, or of the hours of a day, beside the time that it is a part of."""
    name = file.names[index]
    steps = [abs(int(b) - int(a)) for a, b in pairwise(labels) if int(b) != int(a)]
    unit = TIME_UNITS.get(letters(name))
    step_s = SECONDS[unit] * sorted(steps)[len(steps) // 2] if unit else SECONDS["d"] / len(set(labels))
    channels = tuple(file.names[i] for i in file.roles.channels if i != index)
    return file.refusal(
        f"column {name!r} counts on within one and the same time: it seems to be a part of it",
        line=file.first_line,
        column=file.time_column,
        expected="one column of time, or a date and a time",
        fix={"no_time": True, "rate_hz": float(f"{1 / step_s:.6g}"), "columns": channels},
        advice="To keep the times put it behind them: 10:00:00.100.",
    )


def _long_table(file: TableFile, index: int, labels: list[str], t: NDArray[Any]) -> RefusalError:
    """Return the refusal with the option that parts the rows: groups of their own time, or channels that share it."""
    name = file.names[index]
    channels = [i for i in file.roles.channels if i != index]
    one_block_each = sum(a != b for a, b in pairwise(labels)) + 1 == len(set(labels))
    # Channels measured side by side have the same stamps; machines of which each was there for a while do not.
    are_shared = len(np.unique(t)) * len(set(labels)) == len(t)
    fix: dict[str, Any] = {"group_column": name}
    if not one_block_each or (are_shared and len(channels) == 1):
        fix = {"layout": "long", **fix}
        if len(channels) > 1:
            fix["columns"] = (file.names[channels[0]],)
    back = int(np.flatnonzero(np.diff(t) <= 0)[0]) + 1
    return file.refusal(
        f"the time rises only within each of the {len(set(labels))} values of column {name!r} "
        f"({labels[0]!r}, {next(label for label in labels if label != labels[0])!r}, ...)",
        line=file.first_line + back,
        column=file.time_column,
        expected="later stamps in later rows",
        fix=fix,
        advice="One value column at a time: --column chooses it." if "columns" in fix else "",
    )


# Points between thousands: 998, 999, 1.000, 1.001.


def refuse_points(table: Table) -> None:
    """Raise RefusalError for a channel of 998, 999, 1.000, 1.001, with both readings: its points part thousands."""
    file, options = table.file, table.file.options
    is_chosen = options.decimal or options.thousands or options.symbols or options.layout != "columns"
    if is_chosen or file.decimal != "." or not _has_points_of_thousands_alone(file):
        return
    for place, index in enumerate(file.roles.channels):
        first = _first_dotted(file, index, len(table.measured)) if _falls_to_one(table.measured[:, place]) else None
        if first is not None:
            line, text = first
            raise file.refusal(
                f"{text!r} among whole numbers up to 999: its point may part the thousands",
                line=line,
                column=file.names[index],
                expected="numbers that can be read in one way",
                fix={"thousands": "."},
                advice="If it is a decimal point: `--decimal .`.",
            )


def _has_points_of_thousands_alone(file: TableFile) -> bool:
    """Return whether every number of the sample is bare, or has a point before its last three digits."""
    columns = [index for index, kind in enumerate(file.kinds) if kind == "number"]
    cells = (cell.strip() for index in columns for cell in file.sample_of(index))
    return all(not cell or BARE.fullmatch(cell) or DOTTED.fullmatch(cell) for cell in cells)


def _falls_to_one(column: NDArray[np.float64]) -> bool:
    """Return whether whole numbers up to 999 stand next to others from 1 to 2: as thousands they go on smoothly."""
    # With a NaN both comparisons are false.
    if column.max() < 500 and column.min() > -500:
        return False
    size = np.abs(column[~np.isnan(column)])
    large, small = size >= 500, (size >= 1) & (size < 2)
    if not ((large[1:] & small[:-1]) | (large[:-1] & small[1:])).any() or size.max() >= 1000:
        return False
    broken = size != np.rint(size)
    bare = np.unique(size[~broken & (size >= 100)])
    return bool(broken.any()) and float(size[broken].min()) >= 1 and len(bare) >= FEWEST_BARE


def _first_dotted(file: TableFile, index: int, rows: int) -> tuple[int, str] | None:
    """Return line and text of the first cell with a point.

    None if a number is of another form, if none with a point ends in 0, or too few are without one.
    """
    cells = _texts_of(file, [index], rows)[index]
    bare = {cell for cell in cells if BARE.fullmatch(cell)}
    dotted = [(line, cell) for line, cell in enumerate(cells, start=file.first_line) if DOTTED.fullmatch(cell)]
    other_cells = {cell for cell in set(cells) - bare if not DOTTED.fullmatch(cell)}
    if any(PATTERNS["."].fullmatch(cell) for cell in other_cells):
        return None
    if sum(abs(int(cell)) >= 100 for cell in bare) < FEWEST_BARE:
        return None
    return dotted[0] if any(cell.endswith("0") for _, cell in dotted) else None
