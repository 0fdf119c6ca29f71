"""Columns that are hardly what they seem: numbers of recordings, names of channels, grouped digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.cells import PATTERNS
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source
from forecaster.reading.time_units import SECONDS, UNITS
from forecaster.reading.traits import letters

_NUMBERING = (
    "snapshot run group recording record file cycle segment block trial test experiment batch session machine unit "
    "sensor device subject event burst measurement series channel lap bearing specimen sweep shot"
)
NUMBERING = frozenset([*_NUMBERING.split(), "id", "uid"])
SUFFIX = re.compile(r"(?:id|no|nr|num|number|index|idx|#)$")
MOST_CHANGES = 0.05
BARE, DOTTED = re.compile(r"[+-]?[0-9]{1,3}"), re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
FEWEST_BARE = 3


def _numbers_things(name: str) -> bool:
    """Tell by its name whether a column numbers recordings, machines or channels: run, machine_id, FileNo."""
    plain = letters(name)
    return plain in NUMBERING or SUFFIX.sub("", plain) in NUMBERING


def refuse_numbering(
    values: NDArray[np.float64], sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, path: str
) -> list[str]:
    """Refuse a channel that numbers recordings by its name and values; return notes on those that may.

    Raises SignalError unless the channels or the groups were chosen; exogenous ones were.
    """
    notes: list[str] = []
    if options.group_column or options.recording_rows or options.columns or len(roles.channels) < 2:
        return notes
    for place, index in enumerate(roles.channels[: len(roles.channels) - roles.exogenous]):
        column, name = values[:, place], sniffed.names[index]
        head = column[: 1 << 20]
        if not (head == np.round(head)).all():  # NaN is not
            continue
        changed = np.flatnonzero(head[1:] != head[:-1])
        changes = len(changed)
        if sniffed.header and _numbers_things(name) and changes <= MOST_CHANGES * len(head):
            raise _numbering(sniffed, name, changes, path=path)
        if 1 < changes <= MOST_CHANGES * len(head) and (head[changed + 1] == head[changed] + 1).all():
            notes.append(
                f"column {name!r} counts up {changes} times: if it numbers recordings, --group-column {name!r}"
            )
    return notes


def _numbering(sniffed: Sniffed, name: str, changes: int, *, path: str) -> RefusalError:
    times = f"changes {changes} times" if changes else "never changes"
    return RefusalError(
        f"holds whole numbers and {times}: by its name it says which recording a row belongs to",
        path=path,
        line=sniffed.first_line,
        column=name,
        expected="channels that were measured",
        fix={"group_column": name},
        advice="If it was measured, name every channel with --column.",
    )


def refuse_long(
    source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, t: NDArray[Any], rows: int
) -> None:
    """Refuse stamps that stand twice or step back, if they rise within each label of another column.

    Sorting or averaging would mix the channels. Raises SignalError with the layout or the group column.
    """
    if options.layout != "columns" or options.group_column or rows < 4 or bool((np.diff(t) > 0).all()):
        return
    chosen = roles.channels if options.columns or options.symbols else ()
    able = [i for i, kind in enumerate(sniffed.kinds) if kind in ("text", "number") and i not in (*roles.time, *chosen)]
    cells = _cells(source, sniffed, able, rows) if able else {}
    for index, labels in cells.items():
        if 1 < len(set(labels)) <= rows / 3 and _label_like(labels, sniffed.kinds[index]) and _rising(labels, t):
            if letters(sniffed.names[index]) in UNITS and sniffed.kinds[index] == "number":
                raise _part_of_time(sniffed, roles, index, labels=labels, path=source.path)
            raise _long(sniffed, roles, index, labels=labels, t=t, path=source.path)


def _cells(source: Source, sniffed: Sniffed, able: Sequence[int], rows: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {index: [] for index in able}
    for number, line in enumerate(source.lines(), start=1):
        if sniffed.first_line <= number < sniffed.first_line + rows:
            cells = split_line(line, sniffed.delimiter)
            for index in able:
                found[index].append(cells[index].strip() if index < len(cells) else "")
    return found


def _label_like(labels: list[str], kind: str) -> bool:
    return kind == "text" or all(re.fullmatch(r"\d{1,9}", label) for label in labels)


def _rising(labels: list[str], t: NDArray[Any]) -> bool:
    last: dict[str, Any] = {}
    for label, stamp in zip(labels, t.tolist(), strict=True):
        if label in last and stamp <= last[label]:
            return False
        last[label] = stamp
    return True


def _part_of_time(sniffed: Sniffed, roles: Roles, index: int, *, labels: list[str], path: str) -> RefusalError:
    """Refuse a column of seconds or milliseconds beside the time: no option adds it, and no channels stand in it."""
    name = sniffed.names[index]
    steps = [abs(int(b) - int(a)) for a, b in pairwise(labels) if int(b) != int(a)]
    step = SECONDS[UNITS[letters(name)]] * sorted(steps)[len(steps) // 2]
    channels = tuple(sniffed.names[i] for i in roles.channels if i != index)
    return RefusalError(
        f"column {name!r} counts on within one and the same time: it seems to be a part of it",
        path=path,
        line=sniffed.first_line,
        column=" + ".join(sniffed.names[i] for i in roles.time),
        expected="one column of time, or a date and a time",
        fix={"no_time": True, "rate_hz": float(f"{1 / step:.6g}"), "columns": channels},
        advice="To keep the times put it behind them: 10:00:00.100.",
    )


def _long(sniffed: Sniffed, roles: Roles, index: int, *, labels: list[str], t: NDArray[Any], path: str) -> RefusalError:
    """Say which option parts the rows: groups of their own time, or channels that share their stamps."""
    name = sniffed.names[index]
    channels = [i for i in roles.channels if i != index]
    blocks = sum(a != b for a, b in pairwise(labels)) + 1 == len(set(labels))
    shared = len(np.unique(t)) < len(t)
    fix: dict[str, Any] = {"group_column": name}
    if not blocks or (shared and len(channels) == 1):
        fix = {"layout": "long", **fix}
        if len(channels) > 1:
            fix["columns"] = (sniffed.names[channels[0]],)
    back = int(np.flatnonzero(np.diff(t) <= 0)[0]) + 1
    return RefusalError(
        f"the time rises only within each of the {len(set(labels))} values of column {name!r} "
        f"({labels[0]!r}, {next(label for label in labels if label != labels[0])!r}, ...)",
        path=path,
        line=sniffed.first_line + back,
        column=" + ".join(sniffed.names[i] for i in roles.time),
        expected="later stamps in later rows",
        fix=fix,
        advice="One value column at a time: --column chooses it." if "columns" in fix else "",
    )


def refuse_grouped(sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, path: str) -> None:
    """Refuse to leave out a column of text that is numbers with thousands marks."""
    if options.columns or options.symbols or options.thousands is not None:
        return
    used = {*roles.time, roles.group}
    for index, what in enumerate(sniffed.kinds):
        cells = [row[index].strip() for row in sniffed.sample if index < len(row)]
        mark, fix = _grouped(sniffed, cells) if what == "text" and index not in used else (None, {})
        if mark is not None:
            raise RefusalError(
                f"{cells[0]!r} and others hold {mark!r}, perhaps between thousands",
                path=path,
                line=sniffed.first_line,
                column=sniffed.names[index],
                expected="plain decimal numbers",
                fix=fix,
                advice="--column chooses other columns.",
            )


def _grouped(sniffed: Sniffed, cells: list[str]) -> tuple[str | None, dict[str, str]]:
    """Return the thousands mark of a column and the options that read it; none if it is the others' decimal mark."""
    mark = grouped_mark(cells, sniffed.decimal)
    if mark is not None:
        return mark, {"thousands": mark}
    other = "," if sniffed.decimal == "." else "."
    mark = grouped_mark(cells, other)
    numbers = (PATTERNS[sniffed.decimal].fullmatch(cell.strip()) for row in sniffed.sample for cell in row)
    decimals = any(number and sniffed.decimal in number[0] for number in numbers)
    return mark, {} if mark is None or decimals or sniffed.delimiter == other else {"thousands": mark, "decimal": other}


def grouped_mark(cells: list[str], decimal: str) -> str | None:
    """Return the thousands mark of a column in which every cell is a number, with the mark or without.

    >>> grouped_mark(["1.234,5", "999,1"], ","), grouped_mark(["1.2", "abc"], ".")
    ('.', None)
    """
    point = re.escape(decimal)
    for mark in ",.' _":
        grouped = re.compile(rf"[+-]?[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})+(?:{point}[0-9]*)?")
        filled = [cell for cell in cells if cell]
        fits = [bool(grouped.fullmatch(cell)) for cell in filled]
        plain = (PATTERNS[decimal].fullmatch(cell) for cell in filled)
        if mark != decimal and any(fits) and all(a or b for a, b in zip(fits, plain, strict=True)):
            return mark
    return None


def refuse_points(
    values: NDArray[np.float64], source: Source, sniffed: Sniffed, *, roles: Roles, options: ReadingOptions
) -> None:
    """Refuse a channel of 998, 999, 1.000, 1.001: its points part thousands. Raises SignalError with both readings."""
    told = options.decimal or options.thousands or options.symbols or options.layout != "columns"
    if told or sniffed.decimal != "." or not _points_alone(sniffed):
        return
    for place, index in enumerate(roles.channels):
        found = _first_grouped(source, sniffed, index, len(values)) if _falls_to_one(values[:, place]) else None
        if found is not None:
            raise RefusalError(
                f"{found[1]!r} among whole numbers up to 999: its point may part the thousands",
                path=source.path,
                line=found[0],
                column=sniffed.names[index],
                expected="numbers that can be read in one way",
                fix={"thousands": "."},
                advice="If it is a decimal point: `--decimal .`.",
            )


def _points_alone(sniffed: Sniffed) -> bool:
    """Tell whether every number of the sample is bare, or has a point before its last three digits."""
    columns = [i for i, kind in enumerate(sniffed.kinds) if kind == "number"]
    cells = (row[i].strip() for row in sniffed.sample for i in columns if i < len(row))
    return all(not cell or BARE.fullmatch(cell) or DOTTED.fullmatch(cell) for cell in cells)


def _falls_to_one(column: NDArray[np.float64]) -> bool:
    """Tell whether whole numbers up to 999 stand next to others from 1 to 2: as thousands they go on smoothly."""
    if column.max() < 500 and column.min() > -500:  # NaN is not
        return False
    size = np.abs(column[~np.isnan(column)])
    large, small = size >= 500, (size >= 1) & (size < 2)
    if not ((large[1:] & small[:-1]) | (large[:-1] & small[1:])).any() or size.max() >= 1000:
        return False
    broken = size != np.rint(size)
    whole = np.unique(size[~broken & (size >= 100)])
    return bool(broken.any()) and float(size[broken].min()) >= 1 and len(whole) >= FEWEST_BARE


def _first_grouped(source: Source, sniffed: Sniffed, index: int, rows: int) -> tuple[int, str] | None:
    """Return line and text of the first cell with a point.

    None if a number is of another form, if none with a point ends in 0, or too few are without one.
    """
    cells = _cells(source, sniffed, [index], rows)[index]
    bare = {cell for cell in cells if BARE.fullmatch(cell)}
    dotted = [(number, cell) for number, cell in enumerate(cells, start=sniffed.first_line) if DOTTED.fullmatch(cell)]
    others = {cell for cell in set(cells) - bare if not DOTTED.fullmatch(cell)}
    if (
        any(PATTERNS["."].fullmatch(cell) for cell in others)
        or sum(abs(int(cell)) >= 100 for cell in bare) < FEWEST_BARE
    ):
        return None
    return dotted[0] if any(cell.endswith("0") for _, cell in dotted) else None
