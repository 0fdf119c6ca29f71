"""Times that are easily overlooked: texts of an unknown form, parts in columns of their own, a day a row.

Order, gaps and rate stand in them, so such files are refused, with the options that read the time where there are some.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from forecaster.errors import shell_quoted
from forecaster.reading.file import TableFile
from forecaster.reading.measurements import PARTS, letters, sample_numbers
from forecaster.reading.text.cells import FROM_TO, MONTH_AND_YEAR

_TIME = (
    "time timestamp timestamps date ds datetime datetimes epoc epoch unix unixtime elapsed elapsedtime seconds "
    "secondselapsed millis milliseconds xvalue zeit zeitstempel datum uhrzeit temps fecha hora "
    "utc timeutc utctime dateandtime dateutc datetimeutc times timesec timems timeus timens localtime recordtime "
    "sampletime year timeseconds datenum"
)
_SHORT_TIME = "t s sec secs ms us ns ts tms tus tns tsec"
# The short names may name other things: such a column must rise like a time too.
TIME_NAMES, SHORT_TIME_NAMES = frozenset(_TIME.split()), frozenset(_SHORT_TIME.split())
# Texts are times if so many of them look like one.
TIMELIKE_SHARE = 0.9

# Formats of time that are not looked for, but proposed where one fits.
PROPOSED_FORMATS = (
    *("%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M", "%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S", "%Y%m%d %H%M%S"),
    *("%Y-%m-%d %H", "%Y-%m-%dT%H", "%Y:%m:%d %H:%M:%S", "%Y:%m:%d %H:%M", "%Y_%m_%d_%H_%M_%S", "%Y-%m-%d-%H:%M:%S"),
    *("%d-%b-%y %H:%M:%S", "%d-%b-%y %H:%M", "%d-%b-%y", "%d %b %y %H:%M:%S", "%d %b %y %H:%M", "%d %b %y"),
    *("%d %B %Y %H:%M:%S", "%d %B %Y %H:%M", "%d %B %Y", "%d %b %Y %H:%M", "%B %d, %Y", "%B %d, %Y %H:%M", "%b %d, %Y"),
    *("%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%b-%Y", "%b %Y", "%B %Y"),
    *("%Y-%j", "%Y%j", "%Y-%jT%H:%M:%S", "%G-W%V-%u"),
)
# The parts of a time that may have columns of their own, and how they are written one behind the other.
FORMATS = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute"}
LAST_HOUR = 24
# Formats of dates that are read in one way alone.
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d-%b-%y", "%d-%b-%Y", "%d.%m.%Y")
# What a column that holds one time of each day is called: 00:00-01:00, 13.30, H07.
CLOCK_NAME = re.compile(r"[0-2]?\d[:.][0-5]\d(?!\d)|(?:[Hh](?:our|r)?|HE)[ _]?[0-2]?\d$")
FEWEST_CLOCKS = 12


def refuse_months_and_intervals(file: TableFile) -> None:
    """Raise RefusalError for a column of months by name or of intervals: left out, its rows would have no time."""
    if file.options.no_time or file.options.symbols or "number" not in file.kinds:
        return
    kinds = {
        MONTH_AND_YEAR: ("a month by its name", "months such as 1990-01"),
        FROM_TO: ("an interval", "the begin of each interval alone"),
    }
    for index in file.of_kind("text"):
        cells = [cell.strip() for cell in file.sample_of(index) if cell.strip()]
        for pattern, (problem, expected) in kinds.items():
            if cells and sum(pattern.fullmatch(cell) is not None for cell in cells) >= TIMELIKE_SHARE * len(cells):
                raise file.refusal(
                    f"{problem}, {cells[0]!r}",
                    line=file.first_line,
                    column=file.names[index],
                    expected=expected,
                    advice="Write the column so, or leave time out: --no-time.",
                )


def refuse_unknown_time(file: TableFile) -> None:
    """Raise RefusalError for a column of text that is called time: order, gaps and rate stand in it."""
    if file.options.no_time or file.options.symbols or not file.header or "number" not in file.kinds:
        return
    for index in file.of_kind("text"):
        name, text = file.names[index], next(iter(file.sample_of(index)), "")
        if not (any(c.isdigit() for c in text) and letters(name) in TIME_NAMES):
            continue
        fix: dict[str, Any] = {"no_time": True}
        option = f"--time-column {shell_quoted(name)} --time-format FORMAT"
        advice = f"If it is the time, `{option}` says how it is written."
        form = _format_of(text)
        if form:
            fix, advice = {"time_columns": (name,), "time_format": form}, "Or leave time out: --no-time."
        raise file.refusal(
            f"{text!r} is no time stamp of a known kind",
            line=file.first_line,
            column=name,
            expected="such as 2022-08-05 15:26:13",
            fix=fix,
            advice=advice,
        )


def _format_of(text: str) -> str:
    """Return the first of the proposed formats that fits a stamp, or nothing."""
    return next((form for form in PROPOSED_FORMATS if _fits([text], form)), "")


def refuse_parts_of_time(file: TableFile, time: tuple[int, ...]) -> None:
    """Raise RefusalError for a time in columns of its own: year, month, day and more, or an hour beside the date."""
    if file.options.no_time or file.options.time_columns or file.options.symbols or not file.header:
        return
    parts = {form: index for form in FORMATS if (index := _column_of(file, form)) is not None}
    if len(time) == 1 and file.kinds[time[0]] in ("day", "number") and "%H" in parts and time[0] not in parts.values():
        date_format = _date_format(file.sample_of(time[0]))
        columns: dict[str, int] = {
            date_format: time[0],
            **{form: parts[form] for form in ("%H", "%M") if form in parts},
        }
        if not _repeats(file.sample_of(time[0])):
            return
    elif {"%Y", "%m", "%d"} <= parts.keys() and set(time) <= {parts["%Y"]}:
        date_format, columns = "%Y", parts
    else:
        return
    names = tuple(file.names[index] for index in columns.values())
    # The hour 24 ends a day, where 0 begins one: a format reads the one and not the other.
    ends_at_24 = "%H" in parts and max(sample_numbers(file, parts["%H"])) == LAST_HOUR
    form = "" if ends_at_24 or not date_format else " ".join(columns)
    raise file.refusal(
        "the time stands in several columns: " + ", ".join(map(repr, names)),
        line=file.first_line,
        column=names[0],
        expected="one column of time, or a date and a time",
        fix={"time_columns": names, "time_format": form} if form else {},
        advice="" if form else "Write them in one column, with hours from 0 to 23.",
    )


def refuse_day_a_row(file: TableFile, channels: Sequence[int]) -> None:
    """Raise RefusalError for columns that are called by the times of a day: each row holds a day."""
    clocks = [index for index in channels if CLOCK_NAME.match(file.names[index].strip())]
    if file.header and len(clocks) >= FEWEST_CLOCKS and 2 * len(clocks) > len(channels):
        raise file.refusal(
            f"{len(clocks)} columns are called by times such as {file.names[clocks[0]]!r}: each row holds a day",
            line=file.first_line,
            expected="one sample a row",
            advice="Write the values of each day below one another, each with its time.",
        )


def _column_of(file: TableFile, form: str) -> int | None:
    """Return the first column that is called a part of the time, and holds nothing but numbers of that part."""
    low, high = limits = PARTS[FORMATS[form]]
    for index, name in enumerate(file.names):
        numbers = sample_numbers(file, index) if PARTS.get(letters(name.replace("_", ""))) == limits else []
        if numbers and all(number.is_integer() and low <= number <= high for number in numbers):
            return index
    return None


def _date_format(cells: Sequence[str]) -> str:
    """Return the one format that fits all dates, or nothing."""
    return next((form for form in DATE_FORMATS if _fits(cells, form)), "")


def _fits(cells: Sequence[str], form: str) -> bool:
    try:
        return bool([datetime.strptime(cell.strip(), form) for cell in cells if cell.strip()])
    except ValueError:
        return False


def _repeats(cells: Sequence[str]) -> bool:
    return len(set(cells)) < len(cells)
