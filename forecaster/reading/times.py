"""Time columns become stamps on one scale: numbers here, by size, name and unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import doubtful_times
from forecaster.reading.cells import kind
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError
from forecaster.reading.stamp_texts import textual
from forecaster.reading.stamps import MEND, NO_TIME, YEARS, Stamps, few, nanoseconds
from forecaster.reading.time_units import SECONDS, unit_of_time
from forecaster.reading.traits import letters
from forecaster.signal.time_axis import TimeKind

EPOCHS: tuple[tuple[float, float, TimeKind, float], ...] = (
    (1e8, 1e10, "epoch-s", 1.0),
    (1e11, 1e13, "epoch-ms", 1e-3),
    (1e14, 1e16, "epoch-us", 1e-6),
    (1e17, 9.3e18, "epoch-ns", 1e-9),
)
LONGEST = 1e10
"""Seconds, some 300 years: what is longer by the header's own unit is counted from 1970, whatever the header says."""


def parse(
    raw: tuple[NDArray[Any], ...], sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, path: str
) -> Stamps | None:
    """Turn the time columns into stamps. Raises SignalError with the line of a stamp that is none."""
    if not raw:
        return None
    column = " + ".join(sniffed.names[i] for i in roles.time)
    where = {"path": path, "column": column}
    first = raw[0]
    if first.dtype != object:
        return _numeric(first, sniffed, roles.time[0], where=where)
    _refuse_empty(raw, sniffed, where)
    if options.time_format is None and len(raw) == 1 and sniffed.kinds[roles.time[0]] == "number":
        raise _bad_number(first, sniffed, where)
    texts = first if len(raw) == 1 else _joined(raw)
    return textual(texts, options, sniffed, where=where)


def _joined(raw: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    joined = np.empty(len(raw[0]), object)
    joined[:] = [f"{str(a).strip()} {str(b).strip()}" for a, b in zip(*raw, strict=True)]
    return joined


def _refuse_empty(raw: tuple[NDArray[Any], ...], sniffed: Sniffed, where: dict[str, Any]) -> None:
    for column in raw:
        empty = np.flatnonzero([not isinstance(cell, str | int) for cell in column])
        if len(empty):
            line = sniffed.first_line + int(empty[0])
            raise RefusalError("an empty time stamp", line=line, expected="a time in every row", fix=NO_TIME, **where)


def _bad_number(cells: NDArray[Any], sniffed: Sniffed, where: dict[str, Any]) -> RefusalError:
    """Refuse stamps that are no numbers; a few of them are lines to mend, not a reason to do without time."""
    bad = [row for row, cell in enumerate(cells) if kind(str(cell), sniffed.decimal) != "number"]
    if not bad:
        return RefusalError("stamps that are too large", fix=NO_TIME, **where)
    mend = few(len(bad), len(cells))
    return RefusalError(
        f"{cells[bad[0]]!r}" + (" at the end" if bad[0] == len(cells) - 1 else ""),
        line=sniffed.first_line + bad[0],
        expected="a number like the stamps before",
        fix={} if mend else NO_TIME,
        advice=MEND if mend else "",
        **where,
    )


def _numeric(values: NDArray[Any], sniffed: Sniffed, index: int, *, where: dict[str, Any]) -> Stamps:
    """Tell epochs, dates written as 20220805, years and seconds apart by size, name and unit."""
    bad = np.flatnonzero(~np.isfinite(values.astype(np.float64)))
    if len(bad):
        line = sniffed.first_line + int(bad[0])
        found = "an empty time stamp" if np.isnan(float(values[bad[0]])) else "a time stamp without an end"
        raise RefusalError(found, line=line, expected="a time in every row", fix=NO_TIME, **where)
    name, column = sniffed.names[index], where["column"]
    low, high = float(values.min()), float(values.max())
    unit = unit_of_time(name)
    whole, own = values.dtype.kind in "iu", SECONDS.get(unit)
    if whole and (form := _date_form(name, low, high)):
        return _calendar_text(values, form, column)
    if own is None and whole:
        doubtful_times.refuse_compact(values, sniffed, where=where)
    for least, most, epoch, unit_s in EPOCHS:
        if least <= low and high < most and (own is None or own == unit_s or high * own > LONGEST):
            if own is None and whole:
                doubtful_times.refuse_counted(values, sniffed, where=where)
            return Stamps(epoch, values.astype(np.int64) if whole else values, unit_s, column)
    if sniffed.header is False and whole and _counts(values):
        return Stamps("samples", values.astype(np.int64), 1.0, column, notes=("the first column counts the samples",))
    doubtful_times.refuse_other_scale(values, sniffed, name, where=where)
    return _seconds(values, unit, column)


def _date_form(name: str, low: float, high: float) -> str:
    """Return how the whole numbers of a column write dates by its name and their size; nothing where they do not."""
    if letters(name) in ("year", "years") and low >= YEARS[0] and high <= YEARS[1]:
        return "%Y"
    return "%Y%m%d" if "date" in name.lower() and low >= 19000101 and high <= 21001231 else ""


def _counts(values: NDArray[Any]) -> bool:
    return len(values) > 1 and bool((np.diff(values) == 1).all())


def _seconds(values: NDArray[Any], unit: str, column: str) -> Stamps:
    if unit in ("", "s"):
        return Stamps("seconds", values.astype(np.float64), 1.0, column)
    scaled = values.astype(np.float64) * SECONDS[unit]
    return Stamps("seconds", scaled, 1.0, column, notes=(f"time given in {unit}, kept in seconds",))


def _calendar_text(values: NDArray[Any], form: str, column: str) -> Stamps:
    import pandas as pd

    texts = pd.Series(values).astype(str)
    try:
        return Stamps("timestamps", nanoseconds(pd.to_datetime(texts, format=form)), 1e-9, column)
    except (ValueError, OverflowError):
        raise RefusalError("whole numbers that are no dates", column=column, expected=form, fix=NO_TIME) from None
