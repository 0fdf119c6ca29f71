"""Time columns become stamps on one scale; here those of numbers, told apart by size, name and unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.file import Table, TableFile
from forecaster.reading.measurements import compact_form, letters
from forecaster.reading.refusal import RefusalError
from forecaster.reading.text.cells import SECONDS, kind, other_unit, unit_of_time
from forecaster.signal.time_axis import TimeKind

# The years that nanoseconds in 64 bits hold.
YEARS = (1678, 2261)
DAY_NS = 86_400 * 10**9
NO_TIME = {"no_time": True}
MEND = "Mend or delete the line."

# Epochs: from, to, their kind, and their unit in seconds.
EPOCHS: tuple[tuple[float, float, TimeKind, float], ...] = (
    (1e8, 1e10, "epoch-s", 1.0),
    (1e11, 1e13, "epoch-ms", 1e-3),
    (1e14, 1e16, "epoch-us", 1e-6),
    (1e17, 9.3e18, "epoch-ns", 1e-9),
)
# Some 300 years, in seconds: what is longer by the header's own unit is an epoch, whatever the header says.
LONGEST_S = 1e10
# Seconds since 1970 in the year 2001; what is less is rather a counter.
MODERN_S = 1e9
# Dates as whole numbers: how many digits, and their format.
COMPACT = ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S"))
# Counts of days that are of the years 1954 to 2119, and 1889 to 2108.
SERIAL_DAYS = ((20_000, 80_000, "Excel"), (690_000, 770_000, "MATLAB"))
_DATED = "date datetime timestamp timestamps datum zeitstempel fecha dateandtime dateutc datetimeutc"
DATED = frozenset(_DATED.split())


@dataclass
class Stamps:
    """Stamps of all rows in the unit of `kind`; `unit_s` is that unit in seconds. In a `zone` they count in UTC."""

    kind: TimeKind
    values: NDArray[Any]
    unit_s: float
    column: str
    utc_offset: str = ""
    notes: tuple[str, ...] = ()
    zone: str = ""


def parse(table: Table) -> Stamps | None:
    """Return the stamps (T,) of a table, None if it has no column of time.

    Raises RefusalError with the line of the first cell that is no stamp.
    """
    if not table.time:
        return None
    stamps = _parsed(table)
    return _in_zone(stamps, table.file) if table.file.options.time_zone else stamps


def _in_zone(stamps: Stamps, file: TableFile) -> Stamps:
    """Return the stamps of a local clock, or with a UTC offset, in the zone of --time-zone."""
    from forecaster.reading.time_zones import NoSuchTimeError, utc_of, zone_of

    try:
        zone = zone_of(str(file.options.time_zone))
    except ValueError as error:
        expected = "a name such as Europe/Berlin (the package tzdata has all of them)"
        raise file.refusal(f"--time-zone: {error}", expected=expected) from None
    if stamps.kind != "timestamps":
        raise file.refusal("--time-zone for times without a date", column=stamps.column, expected="dates with a clock")
    if stamps.utc_offset:
        return replace(stamps, values=stamps.values - offset_ns(stamps.utc_offset), utc_offset="", zone=zone.key)
    if len(stamps.values) and (stamps.values % DAY_NS == stamps.values[0] % DAY_NS).all():
        note = "one time of day in all rows: --time-zone changes nothing"
        return replace(stamps, notes=(*stamps.notes, note))
    try:
        return replace(stamps, values=utc_of(stamps.values, zone), zone=zone.key)
    except NoSuchTimeError as error:
        line, expected = file.first_line + error.row, "times of that clock"
        raise file.refusal(str(error), line=line, column=stamps.column, expected=expected) from None


def offset_ns(text: str) -> int:
    """Return a UTC offset in nanoseconds.

    >>> offset_ns("+01:30") // 10**9, offset_ns("-0500") // 10**9, offset_ns("Z")
    (5400, -18000, 0)
    """
    if text in ("Z", "UTC"):
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return (-minutes if text.startswith("-") else minutes) * 60 * 10**9


def _parsed(table: Table) -> Stamps:
    file, first = table.file, table.time[0]
    if first.dtype.kind == "M":
        return _datetimes(first, file)
    if first.dtype != object:
        return _numeric(first, file)
    for column in table.time:
        empty = np.flatnonzero([not isinstance(cell, str | int) for cell in column])
        if len(empty):
            raise _no_stamp_at(int(empty[0]), "an empty time stamp", file)
    if file.options.time_format is None and len(table.time) == 1 and file.kinds[file.roles.time[0]] == "number":
        raise _bad_number(first, file)
    # Only texts need the parser of dates: numbers are read without it.
    from forecaster.reading.stamp_texts import from_texts

    if len(table.time) == 1:
        return from_texts(first, file)
    # A column of dates and one of clocks are read as one, and so are those of year, month, day and hour.
    joined = np.empty(len(first), object)
    joined[:] = [" ".join(str(part).strip() for part in parts) for parts in zip(*table.time, strict=True)]
    return from_texts(joined, file)


def nanoseconds(stamps: Any) -> NDArray[np.int64]:
    """Return datetimes as nanoseconds since 1970. Raises OverflowError beyond the years that 64 bits hold."""
    plain = np.asarray(stamps)
    # NumPy would wrap around without a word.
    years = plain.astype("datetime64[Y]").astype(np.int64) + 1970
    if len(years) and (years.min() < YEARS[0] or years.max() > YEARS[1]):
        raise OverflowError("years beyond 1678 to 2261")
    return plain.astype("datetime64[ns]").astype(np.int64)


def is_few(bad: int, rows: int) -> bool:
    """Return whether so few stamps are bad that their lines are to be mended: a footer, a line cut off."""
    return bad <= max(1, min(5, rows // 20), rows // 100)


def _no_stamp_at(row: int, problem: str, file: TableFile) -> RefusalError:
    line, column = file.first_line + row, file.time_column
    return file.refusal(problem, line=line, column=column, expected="a time in every row", fix=NO_TIME)


def _bad_number(cells: NDArray[Any], file: TableFile) -> RefusalError:
    """Return the refusal of stamps that are no numbers; a few of them are lines to mend, no reason to drop the time."""
    bad = [row for row, cell in enumerate(cells) if kind(str(cell), file.decimal) != "number"]
    if not bad:
        return file.refusal("stamps that are too large", column=file.time_column, fix=NO_TIME)
    few = is_few(len(bad), len(cells))
    return file.refusal(
        f"{cells[bad[0]]!r}" + (" at the end" if bad[0] == len(cells) - 1 else ""),
        line=file.first_line + bad[0],
        column=file.time_column,
        expected="a number like the stamps before",
        fix={} if few else NO_TIME,
        advice=MEND if few else "",
    )


def _datetimes(values: NDArray[Any], file: TableFile) -> Stamps:
    """Return the stamps of a column of datetime64, as formats other than text have it."""
    empty = np.flatnonzero(np.isnat(values))
    if len(empty):
        raise _no_stamp_at(int(empty[0]), "an empty time stamp", file)
    try:
        return Stamps("timestamps", nanoseconds(values), 1e-9, file.time_column)
    except OverflowError as error:
        raise file.refusal(str(error), column=file.time_column, fix=NO_TIME) from None


def _numeric(values: NDArray[Any], file: TableFile) -> Stamps:
    """Return the stamps of a column of numbers: epochs, dates written as 20220805, years, sample numbers or seconds."""
    bad = np.flatnonzero(~np.isfinite(values.astype(np.float64)))
    if len(bad):
        empty = np.isnan(float(values[bad[0]]))
        raise _no_stamp_at(int(bad[0]), "an empty time stamp" if empty else "a time stamp without an end", file)
    column, name = file.time_column, file.names[file.roles.time[0]]
    low, high, unit = float(values.min()), float(values.max()), unit_of_time(name)
    are_whole, header_s = values.dtype.kind in "iu", SECONDS.get(unit)
    if are_whole and (form := _date_form(file, low, high)):
        return _dates(values, form, file)
    if header_s is None and are_whole:
        _refuse_compact_dates(values, file)
    if epoch := _epoch(low, high, header_s):
        if header_s is None and are_whole:
            _refuse_finer_counter(values, file)
        return Stamps(epoch[0], values.astype(np.int64) if are_whole else values, epoch[1], column)
    if not file.header and are_whole and len(values) > 1 and bool((np.diff(values) == 1).all()):
        return Stamps("samples", values.astype(np.int64), 1.0, column, notes=("the first column counts the samples",))
    if not unit:
        _refuse_serial_days(values, file, name)
        _refuse_other_unit(file, name)
    return _seconds(values, unit, column)


def _seconds(values: NDArray[Any], unit: str, column: str) -> Stamps:
    if unit in ("", "s"):
        return Stamps("seconds", values.astype(np.float64), 1.0, column)
    scaled = values.astype(np.float64) * SECONDS[unit]
    return Stamps("seconds", scaled, 1.0, column, notes=(f"time given in {unit}, kept in seconds",))


def _epoch(low: float, high: float, header_s: float | None) -> tuple[TimeKind, float] | None:
    """Return kind and unit of the epoch that times from `low` to `high` are, if a header's unit does not contradict."""
    for least, most, epoch, unit_s in EPOCHS:
        fits_header = header_s is None or header_s == unit_s or high * header_s > LONGEST_S
        if least <= low and high < most and fits_header:
            return epoch, unit_s
    return None


def _date_form(file: TableFile, low: float, high: float) -> str:
    """Return how the whole numbers of a column write dates, by its name and their size; nothing where they do not."""
    index = file.roles.time[0]
    name, header_s = file.names[index], SECONDS.get(unit_of_time(file.names[index]))
    if letters(name) in ("year", "years") and low >= YEARS[0] and high <= YEARS[1]:
        return "%Y"
    if "date" in name.lower() and low >= 19000101 and high <= 21001231:
        return "%Y%m%d"
    return compact_form(file.sample_of(index), name) if header_s is None or high * header_s > LONGEST_S else ""


def _dates(values: NDArray[Any], form: str, file: TableFile) -> Stamps:
    import pandas as pd

    column, texts = file.time_column, pd.Series(values).astype(str)
    try:
        return Stamps("timestamps", nanoseconds(pd.to_datetime(texts, format=form)), 1e-9, column)
    except (ValueError, OverflowError):
        problem = "whole numbers that are no dates"
        raise file.refusal(problem, column=column, expected=form, fix=NO_TIME) from None


def _refuse_compact_dates(values: NDArray[Any], file: TableFile) -> None:
    """Raise RefusalError if all whole numbers are dates, as 20220805 or 202208051526: they are hardly a count."""
    import pandas as pd

    low, high = int(values.min()), int(values.max())
    for digits, form in COMPACT:
        if len(str(low)) != digits or not 1900 <= low // 10 ** (digits - 4) <= high // 10 ** (digits - 4) <= 2100:
            continue
        if pd.to_datetime(pd.Series(values).astype(str), format=form, errors="coerce").notna().all():
            raise file.refusal(
                f"{values[0]} and the others can be read as dates",
                line=file.first_line,
                column=file.time_column,
                expected="a format for them, or a unit in the header",
                fix={"time_format": form},
                advice="If they count, name the column time_s, time_ms, or time_us.",
            )


def _refuse_finer_counter(values: NDArray[Any], file: TableFile) -> None:
    """Raise RefusalError for whole numbers as large as seconds since 1970 whose steps no clock of seconds makes."""
    step = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    if float(values.min()) >= MODERN_S or step < 100 or step % 60 == 0:
        return
    day = np.datetime64(int(values[0]), "s").astype("datetime64[D]")
    raise file.refusal(
        f"{values[0]} and the others are {day} and a row every {step:g} s if they count seconds since 1970",
        line=file.first_line,
        column=file.time_column,
        expected="a unit in the header, for they may count micro- or milliseconds",
        fix={"no_time": True, "rate_hz": float(f"{1e6 / step:.6g}")},
        advice="That rate is for microseconds. To keep the times name the column time_us, time_ms, or time_s.",
    )


def _refuse_serial_days(values: NDArray[Any], file: TableFile, name: str) -> None:
    """Raise RefusalError for dates that count days: as seconds, the rate would be 86,400 times too high."""
    days = values.astype(np.float64)
    low, high = float(days.min()), float(days.max())
    # Whole numbers some way apart are a clock of milliseconds.
    if (days == np.rint(days)).all() and (len(days) < 2 or np.median(np.diff(days)) != 1):
        return
    step = _usual_step(days)
    for least, most, writer in SERIAL_DAYS if letters(name) in DATED or _is_share_of_day(step) else ():
        if least <= low and high <= most:
            raise file.refusal(
                f"{values[0]:.12g} and the others look like serial dates of {writer}, which count days",
                line=file.first_line,
                column=file.time_column,
                expected="dates, or seconds",
                fix={"no_time": True, **({"rate_hz": float(f"{1 / (step * 86400):.6g}")} if step > 0 else {})},
                advice="Write the dates as text to keep them. "
                "If they are seconds or milliseconds: name the column time_s, or time_ms.",
            )


def _usual_step(days: NDArray[np.float64]) -> float:
    """Return the median step; the mean one, which is less rounded, where there are no gaps."""
    if len(days) < 2:
        return 0.0
    median, mean = float(np.median(np.diff(days))), float(days[-1] - days[0]) / (len(days) - 1)
    return mean if abs(mean - median) < 0.01 * median else median


def _is_share_of_day(step: float) -> bool:
    """Return whether a step in days is whole seconds, and no round number by itself, as the steps of clocks are."""
    seconds = step * 86400
    return abs(step - round(step, 5)) > 1e-8 and round(seconds) >= 1 and abs(seconds - round(seconds)) < 1e-3 * seconds


def _refuse_other_unit(file: TableFile, name: str) -> None:
    """Raise RefusalError for a time in an unknown unit: taken for seconds, the rate would be wrong."""
    unit = other_unit(name)
    if unit:
        raise file.refusal(
            f"a time in {unit!r}",
            line=file.options.skip_rows + 1,
            column=file.time_column,
            expected=f"one of {', '.join(SECONDS)}",
            fix=NO_TIME,
            advice="Add --rate HZ to it, or name the unit in the header.",
        )
