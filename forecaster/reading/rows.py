"""Rows that are no samples by their values: a total of all rows above it, and several series in turn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from forecaster.reading.file import Table, TableFile
from forecaster.reading.text.cells import PATTERNS

# Of fewer rows nobody can say that the last one is their sum.
FEWEST_ROWS = 8
# How near a total is to the sum of what is above it, and by how many times it exceeds the largest of that.
TOTAL_SHARE, TOTAL_TIMES = 1e-3, 3.0
# Values of series in turn differ from row to row by so many times what they do within each series.
IN_TURN = 4.0
# So many channels are looked at.
MOST_CHANNELS = 8


def refuse_total_row(table: Table) -> None:
    """Raise RefusalError for a last row that is the sum of all rows above it, in every channel."""
    file, rows = table.file, table.measured
    if file.options.symbols or file.options.layout != "columns" or len(rows) < FEWEST_ROWS:
        return
    above, last = rows[:-1], rows[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        sums, largest = np.nansum(above, axis=0), np.nan_to_num(np.abs(above)).max(axis=0)
        is_total = (np.abs(last - sums) <= TOTAL_SHARE * np.abs(sums)) & (np.abs(last) / TOTAL_TIMES > largest)
    if is_total[: len(file.roles.targets)].all():
        raise file.refusal(
            f"the last row is the sum of the {len(above)} rows above it ({last[0]:.15g}), and no sample",
            line=file.first_line + len(above),
            column=file.names[file.roles.channels[0]],
            expected="samples in all rows",
            fix={"skip_end": file.options.skip_end + 1},
        )


def refuse_series_in_turn(file: TableFile, channels: tuple[int, ...]) -> None:
    """Raise RefusalError for rows of several series in turn: all values go on within each label of a text column."""
    if file.options.layout != "columns" or file.options.group_column:
        return
    samples = [file.sample_of(channel) for channel in channels[:MOST_CHANNELS]]
    varying = [[_number(cell, file.decimal) for cell in sample] for sample in samples if len(set(sample)) > 1]
    for index, kind in enumerate(file.kinds):
        labels = file.sample_of(index)
        is_label = kind == "text" and index not in file.roles.time and 2 <= len(set(labels)) <= len(labels) / 4
        if is_label and varying and all(_are_in_turn(labels, numbers) for numbers in varying):
            first, second = list(dict.fromkeys(labels))[:2]
            raise file.refusal(
                f"rows of {len(set(labels))} series in turn ({first!r}, {second!r}, ...)",
                line=file.first_line,
                column=file.names[index],
                expected="one sample a row",
                fix={"layout": "long", "group_column": file.names[index]},
                advice="Series with stamps of their own belong into files of their own.",
            )


def _number(cell: str, decimal: str) -> float:
    return float(cell.replace(",", ".")) if PATTERNS[decimal].fullmatch(cell) else np.nan


def _are_in_turn(labels: list[str], numbers: list[float]) -> bool:
    """Return whether labels change often, and numbers differ far more where they do than within a label."""
    last: dict[str, float] = {}
    within: list[float] = []
    for label, number in zip(labels, numbers, strict=False):
        if label in last:
            within.append(abs(number - last[label]))
        last[label] = number
    changes = [abs(b - a) for (a, b), (x, y) in zip(pairwise(numbers), pairwise(labels), strict=False) if x != y]
    across, inside = (np.asarray(steps)[~np.isnan(steps)] for steps in (changes, within))
    if len(across) <= len(labels) / 4 or not len(inside):
        return False
    return bool(np.median(across) > IN_TURN * np.median(inside))
