"""The collection of reading cases, each with what is right for it: `python -m tests.cases` prints a row a file.

A file is right if it is read as a reader with sense reads it, refused with an option that reads it so, or refused
with a reason. It is wrong if other values, or another time axis, come out, at once or by the options of a refusal.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import SignalError
from forecaster.reading import read_signal
from forecaster.signal.signal import Signal
from tests.hints import options_of

FOLDER = Path(__file__).parents[2] / "shared" / "cases"
HOUR, DAY = 3600.0, 86400.0
Columns = list[NDArray[np.float64]]


@dataclass(frozen=True)
class Truth:
    """What a file holds: the values of its channels, in any order, and its first stamp and step where it has them.

    `first` is the clock's time without offset; `step` is in seconds, None where steps differ. `lengths` are those of
    the recordings where there are several. `notes` is text of the note that must stand beside values that were filled.
    """

    columns: Callable[[Path], Columns]
    first: str | None = "2024-03-04 00:00"
    step: float | None = HOUR
    lengths: tuple[int, ...] | None = None
    notes: str = ""


def table(path: Path, *, skip: int = 1, delimiter: str = ",") -> list[list[str]]:
    """Return the cells of a file below its first `skip` lines."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=delimiter))[skip:]


def numbers(*places: int, skip: int = 1, delimiter: str = ",", drop: int = 0) -> Callable[[Path], Columns]:
    """Return a function that takes the columns at `places` from a file as numbers, without the last `drop` rows."""

    def columns(path: Path) -> Columns:
        rows = table(path, skip=skip, delimiter=delimiter)
        rows = rows[: len(rows) - drop]
        return [np.array([plain(row[place]) for row in rows]) for place in places]

    return columns


def plain(cell: str) -> float:
    """Return the number in a cell of the collection: with a comma or a point, a percent sign or a sign apart."""
    text = re.sub(r"[\s%]", "", cell)
    return float(text.replace(".", "").replace(",", ".") if "," in text else text)


def hours_by_row(path: Path) -> Columns:
    return [np.array([plain(cell) for row in table(path, delimiter=";") for cell in row[1:]])]


def oldest_first(path: Path) -> Columns:
    return [numbers(1)(path)[0][::-1]]


TRUTHS = {
    "angle": Truth(numbers(1), "2024-01-01 00:00"),
    "channel_all_nan": Truth(numbers(1)),
    "compact_headerless": Truth(numbers(1, skip=0), "2024-01-01 00:00", DAY),
    "counter": Truth(numbers(1), "2024-01-01 00:00", 900.0),
    "date_he_int": Truth(numbers(2), None),
    "date_hour_int": Truth(numbers(2)),
    "de_thousands": Truth(numbers(1, delimiter=";")),
    "descending_bills": Truth(oldest_first, "2020-01-23 00:00", None),
    "duration25h": Truth(numbers(1), None, 1800.5),
    "footer_span_total": Truth(numbers(2, 3, delimiter=";", drop=1), step=DAY),
    "h24": Truth(numbers(2), "2024-03-04 01:00"),
    "ha_long": Truth(numbers(), None, None),
    "influx_one": Truth(numbers(6, skip=4)),
    "interval_to": Truth(numbers(1)),
    "iso_bracket": Truth(numbers(1)),
    "long_id": Truth(numbers(2)),
    "machine_A": Truth(numbers(1, 2), "2024-02-20 00:00"),
    "machine_B_names": Truth(numbers(1, 2), "2024-02-20 00:00"),
    "matlab_datenum": Truth(numbers(1), None),
    "month_name": Truth(numbers(1), "1990-01-01 00:00", None),
    "multirate": Truth(numbers(1), notes="rows"),
    "nbsp_thousands": Truth(numbers(1, delimiter=";")),
    "night_zeros": Truth(numbers(1), "2024-01-01 00:00"),
    "numeric_header": Truth(numbers(2, 4, delimiter="\t"), None, None),
    "panel_spans": Truth(numbers(2), lengths=(60, 60, 60)),
    "percent_cells": Truth(numbers(1)),
    "sec_stamps_100hz": Truth(numbers(1), None, 0.01),
    "shift": Truth(numbers(1), "2024-01-01 00:00"),
    "sign_space": Truth(numbers(3, skip=2)),
    "status_between": Truth(numbers(1, 3, delimiter=";")),
    "tek_scope": Truth(numbers(4, skip=0), None, 1e-5),
    "tz_off_hh": Truth(numbers(1)),
    "usgs_rdb": Truth(numbers(4, skip=4, delimiter="\t")),
    "wide_hours": Truth(hours_by_row),
    "y_m_d_h": Truth(numbers(5, 6)),
}


def difference(signal: Signal, truth: Truth, path: Path) -> str:
    """Return how `signal` differs from the truth, or nothing."""
    columns = truth.columns(path)
    values = np.concatenate([recording.values for recording in signal.recordings])
    lengths = tuple(len(recording) for recording in signal.recordings)
    if truth.notes and any(truth.notes in note for note in signal.notes):
        return ""
    if signal.symbols or values.shape != (len(columns[0]) if columns else 0, len(columns)):
        return f"{values.shape} values of {', '.join(signal.channels)}{' as labels' if signal.symbols else ''}"
    if not all(any(np.allclose(values[:, c], column) for column in columns) for c in range(values.shape[1])):
        return "other values"
    if truth.lengths and lengths != truth.lengths:
        return f"recordings of {lengths} rows"
    return clock_difference(signal, truth)


def clock_difference(signal: Signal, truth: Truth) -> str:
    """Return how the time of `signal` differs from the truth, or nothing."""
    axis = signal.recordings[0].time
    first = str(axis.stamps(0, 1)[0])[:16]
    if truth.first is not None and not axis.is_absolute:
        return "the time is lost"
    if truth.first is not None and first != truth.first:
        return f"begins at {first}"
    rate = signal.sample_rate_hz
    if truth.step is not None and rate is not None and abs(rate * truth.step - 1) > 1e-4:
        return f"{rate:g} Hz for {1 / truth.step:g}"
    return ""


def proposals(error: SignalError) -> list[str]:
    """Return the options that a refusal says will read the file, as they are typed."""
    return re.findall(r"Add `(-[^`]*)` to read it", str(error))


def outcome(path: Path) -> tuple[str, str]:
    """Return "read", "proposed", "refused" or "wrong", and what came out, for a file of the collection."""
    truth = TRUTHS[path.stem]
    try:
        differs = difference(read_signal(path), truth, path)
        return ("wrong", differs) if differs else ("read", "")
    except SignalError as error:
        refusal = error
    for proposal in proposals(refusal):
        try:
            differs = difference(read_signal(path, options_of(proposal)), truth, path)
        except SignalError as error:
            return "wrong", f"`{proposal}` does not read it: {error}"
        return ("wrong", f"`{proposal}`: {differs}") if differs else ("proposed", proposal)
    return "refused", str(refusal).removeprefix(str(path))


def main() -> int:
    """Print a row for each file, and return 1 if one comes out wrong."""
    outcomes = {path.stem: outcome(path) for path in sorted(FOLDER.glob("*.csv"))}
    for name, (kind, text) in outcomes.items():
        print(f"{name:20} {kind:9} {text[:180]}")
    counts = Counter(kind for kind, _ in outcomes.values())
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
