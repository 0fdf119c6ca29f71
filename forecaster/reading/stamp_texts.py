"""Stamps from texts: dates, clocks and UTC offsets, in the one format that fits all of a column."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.file import TableFile
from forecaster.reading.refusal import RefusalError
from forecaster.reading.stamps import MEND, NO_TIME, YEARS, Stamps, is_few, nanoseconds
from forecaster.reading.text.cells import CLOCK, DAY, STAMP

OFFSET_TEXT = re.compile(r"[ ]?(Z|UTC|[+-]\d{2}:?\d{2}|(?<!-\d{2})[+-]\d{2})(?:\[[A-Za-z_/+-]+\])?\s*$")
# The name of a zone behind an offset adds nothing to it.
ZONE_TEXT = re.compile(r"\[[A-Za-z_/+-]+\]\s*$")
# The end of a day in place of the begin of the next.
MIDNIGHT_OF_24 = re.compile(r"(?P<before>\d[T ])24(?P<behind>:00(?::00(?:[.,]0+)?)?)\s*$")
DURATION = re.compile(r"(?P<hours>\d{1,5}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d(?:\.\d{1,9})?)")
# A logger that writes whole seconds may be off by one.
CLOCK_SECOND_NS = 1_500_000_000
DAY_NS = 86_400_000_000_000
BLOCK = 1024
# Few recordings that are read today began before this year.
OLD_YEAR = 2013


def from_texts(texts: NDArray[Any], file: TableFile) -> Stamps:
    """Return the stamps of texts: by --time-format, else by the pattern of the first, day or month first as fits all.

    Raises RefusalError with the line of a text that is no such stamp.
    """
    column = file.time_column
    if file.options.time_format is not None:
        return _formatted(texts, file.options.time_format, file)
    first = str(texts[0]).strip()
    match = STAMP.fullmatch(first) or DAY.fullmatch(first) or CLOCK.fullmatch(first)
    if match is None:
        raise _no_stamp(first, 0, file)
    parts = match.groupdict()
    offset, plain = _without_offsets(texts) if parts.get("z") else ("", texts)
    if offset == "mixed":
        return _mixed_offsets(texts, file)
    if (durations := _durations(texts)) is not None:
        return Stamps("seconds", durations, 1.0, column, notes=("hours above 23: the time is a duration, in seconds",))
    forms = _forms(parts)
    within_days, days_later = _without_midnights_of_24(plain)
    readings: dict[str, Any] = {form: _parsed(within_days, form) for form in forms}
    readings = {form: None if t is None else _days_later(t, days_later) for form, t in readings.items()}
    fitting = [form for form in forms if readings[form] is not None]
    if not fitting:
        raise _first_bad(plain, forms, file)
    fitting, notes = _year_first(readings, fitting)
    form = fitting[0] if len(fitting) == 1 else _more_regular(readings, fitting, file)
    if len(fitting) > 1:
        first_part = "day" if form.startswith("%d") else "month"
        notes = (*notes, f"dates read as {first_part} first: the steps are regular that way")
    values = readings[form]
    if all(parts.get(group) is None for group in ("p", "Y", "d", "ym")):
        return _times_of_day(values - (values[0] - values[0] % DAY_NS), column)
    return Stamps("timestamps", values, 1e-9, column, offset, notes)


def _without_midnights_of_24(texts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return dated texts with 00:00 for 24:00, and the rows in which they are to be a day later."""
    rows = np.array([row for row, text in enumerate(texts) if " 24:" in text or "T24:" in text], np.int64)
    rows = np.array([row for row in rows.tolist() if MIDNIGHT_OF_24.search(texts[row])], np.int64)
    plain = texts.copy() if len(rows) else texts
    for row in rows.tolist():
        plain[row] = MIDNIGHT_OF_24.sub(r"\g<before>00\g<behind>", texts[row])
    return plain, rows


def _days_later(t: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return stamps with those of `rows` a day later; None where they do not rise from the row before and to the next.

    The hour 24 that closes a day follows its hour 23; one that opens the day means another midnight.
    """
    if not len(rows):
        return t
    later = t.copy()
    later[rows] += DAY_NS
    around = np.concatenate((rows[rows > 0] - 1, rows[rows < len(t) - 1]))
    return later if bool((np.diff(later)[around] > 0).all()) else None


def _durations(texts: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return texts such as 25:30:00 in seconds; None unless all are of this form, never fall, and pass hour 23."""
    last = DURATION.fullmatch(str(texts[-1]).strip())
    if last is None or int(last["hours"]) < 24:
        return None
    matches = [match for text in texts if (match := DURATION.fullmatch(str(text).strip()))]
    if len(matches) < len(texts):
        return None
    parts = np.array([match.group("hours", "minutes", "seconds") for match in matches], np.float64)
    seconds = np.round(parts @ [3600.0, 60.0, 1.0], 9)
    return seconds if bool((np.diff(seconds) >= 0).all()) else None


def _times_of_day(values: NDArray[np.int64], column: str) -> Stamps:
    """Return times of day in seconds since the first midnight; a step back by over 12 h passed another midnight."""
    midnights = np.cumsum(np.diff(values, prepend=values[:1]) < -DAY_NS // 2)
    notes = ["time of day, in seconds since midnight"]
    if midnights[-1]:
        notes.append(f"the time passes midnight ({int(midnights[-1])} in all): its seconds count on")
    return Stamps("seconds", (values + midnights * DAY_NS) / 1e9, 1.0, column, notes=tuple(notes))


def _forms(parts: dict[str, str | None]) -> list[str]:
    """Return the strptime formats that a matched stamp may have; "iso" for the fast parser."""
    if parts.get("ym") is not None:
        return ["%Y-%m"]
    time = _time_form(parts)
    if parts.get("Y") is not None:
        if _is_iso(parts):
            return ["iso"]
        return [f"%Y{parts['a']}%m{parts['a']}%d{time}"]
    if parts.get("d") is not None:
        year = "%Y" if len(parts["yy"] or "") == 4 else "%y"
        return [f"%d{parts['c']}%b{parts['c']}{year}{time}"]
    if parts.get("p") is not None:
        mark, year = parts["b"], "%Y" if len(parts["y"] or "") == 4 else "%y"
        day_first, month_first = f"%d{mark}%m{mark}{year}{time}", f"%m{mark}%d{mark}{year}{time}"
        year_first = [] if year == "%Y" else [f"%y{mark}%m{mark}%d{time}"]
        return [day_first] if mark == "." else [day_first, month_first, *year_first]
    return [time.strip()]


def _is_iso(parts: dict[str, str | None]) -> bool:
    """Return whether the fast parser takes a stamp: 2022-08-05, 2022-08-05 15:26, 2022-08-05T15:26:13.153."""
    plain = parts["a"] == "-" and parts.get("t") in (None, ":") and not parts.get("ap")
    return plain and parts.get("f") in (None, ".") and parts.get("g") in (None, " ", "T")


def _time_form(parts: dict[str, str | None]) -> str:
    if parts.get("h") is None:
        return ""
    mark = parts["t"]
    hour = "%I" if parts.get("ap") else "%H"
    seconds = f"{mark}%S" if parts.get("s") else ""
    fraction = f"{parts['f']}%f" if parts.get("f") else ""
    half = (" %p" if str(parts["ap"]).startswith(" ") else "%p") if parts.get("ap") else ""
    return f"{parts.get('g') or ''}{hour}{mark}%M{seconds}{fraction}{half}"


def _pandas_format(form: str) -> str:
    return "ISO8601" if form == "iso" else form


def _parsed(texts: NDArray[Any], form: str, *, utc: bool = False) -> NDArray[np.int64] | None:
    """Return texts in nanoseconds, with or without a fraction of a second; None if the format does not fit all.

    Texts with a UTC offset fit only if `utc`.
    """
    import pandas as pd

    try:
        parsed = pd.to_datetime(texts, format=_pandas_format(form), utc=utc)
        return nanoseconds(parsed.tz_localize(None)) if utc or parsed.tz is None else None
    except (ValueError, OverflowError, TypeError):
        pass
    if form == "iso" or "%S" not in form:
        return None
    # Some loggers leave the fraction out where it is zero.
    other_form = re.sub(r".%f", "", form) if "%f" in form else form.replace("%S", "%S.%f")
    series = pd.Series(texts, dtype=object)
    both = [pd.to_datetime(series, format=f, errors="coerce", utc=utc) for f in (form, other_form)]
    filled = both[0].fillna(both[1]).dt.tz_localize(None)
    try:
        return None if filled.isna().any() else nanoseconds(filled)
    except OverflowError:
        return None


def _year_first(readings: dict[str, Any], fitting: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the formats that stay, with notes: a year of two digits comes first where nothing else is as regular."""
    year_first = [form for form in fitting if form.startswith("%y")]
    year_last = [form for form in fitting if form not in year_first]
    if not (year_first and year_last):
        return fitting, ()
    if _regularity(readings[year_first[0]]) > max(_regularity(readings[form]) for form in year_last) + 0.01:
        return year_first, ("dates read as year first: the steps are regular that way",)
    years = [
        int(np.datetime64(int(readings[form][0]), "ns").astype("datetime64[Y]").astype(int)) + 1970
        for form in (year_last[0], year_first[0])
    ]
    note = f"dates read as of {years[0]}: if the year comes first ({years[1]}), --time-format '{year_first[0]}'"
    return year_last, (note,) if years[0] < OLD_YEAR <= years[1] else ()


def _regularity(values: NDArray[np.int64]) -> float:
    """Return the share of steps that are the usual one."""
    steps = np.diff(values)
    median = np.median(steps) if len(steps) else 0
    return float((np.abs(steps - median) <= max(0.01 * median, CLOCK_SECOND_NS)).mean()) if median > 0 else 0.0


def _more_regular(readings: dict[str, Any], fitting: list[str], file: TableFile) -> str:
    """Return the format under which the steps are regular. Raises RefusalError if that does not tell."""
    scores = [_regularity(readings[form]) for form in fitting]
    order = sorted(range(len(fitting)), key=lambda i: -scores[i])
    clear = scores[order[0]] > scores[order[1]] and scores[order[0]] > 0.5
    if clear and (scores[order[0]] == 1 or scores[order[0]] - scores[order[1]] > 0.01):
        return fitting[order[0]]
    if np.array_equal(*(readings[form] for form in fitting)):
        return fitting[0]
    raise file.refusal(
        "dates that can be day first or month first, and are as regular either way",
        line=file.first_line,
        column=file.time_column,
        expected="one reading of the date",
        fix={"time_format": fitting[0]},
        advice=f"If the month comes first: `--time-format '{fitting[1]}'`.",
    )


def _formatted(texts: NDArray[Any], form: str, file: TableFile) -> Stamps:
    """Return the stamps of texts in the format of --time-format."""
    import pandas as pd

    try:
        pd.to_datetime(["0"], format=form, errors="coerce")
    except (ValueError, re.error) as error:
        problem = f"--time-format {form!r} is no format ({error})"
        raise file.refusal(problem, column=file.time_column, expected="such as %d.%m.%Y %H:%M:%S") from None
    plain = np.array([str(text).strip() for text in texts], dtype=object)
    try:
        stamps = pd.to_datetime(plain, format=form, utc="%z" in form)
        values = nanoseconds(stamps.tz_localize(None) if stamps.tz is not None else stamps)
    except (ValueError, OverflowError, TypeError):
        raise _first_bad(plain, [form], file, utc="%z" in form) from None
    return Stamps("timestamps", values, 1e-9, file.time_column, "Z" if "%z" in form else "")


def _without_offsets(texts: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Return the UTC offset of all texts, and the texts without it; "mixed" where it changes."""
    first = OFFSET_TEXT.search(str(texts[0]))
    suffix = first.group(0) if first else ""
    if not all(str(text).endswith(suffix) for text in texts):
        return "mixed", texts
    plain = np.empty(len(texts), object)
    plain[:] = [str(text)[: -len(suffix)] for text in texts]
    return ZONE_TEXT.sub("", suffix.strip()), plain


def _mixed_offsets(texts: NDArray[Any], file: TableFile) -> Stamps:
    """Return stamps whose UTC offset changes (summer time): they count in UTC and are written in UTC."""
    import pandas as pd

    column = file.time_column
    texts = np.array([ZONE_TEXT.sub("", str(text)) for text in texts], object)
    try:
        stamps = pd.to_datetime(texts, format="ISO8601", utc=True)
    except (ValueError, OverflowError, TypeError):
        raise _first_bad(texts, ["iso"], file, utc=True) from None
    if not all(OFFSET_TEXT.search(str(text)) for text in texts):
        line = file.first_line + _first_other_offset(texts)
        raise file.refusal("stamps with and without a UTC offset", line=line, column=column, fix=NO_TIME)
    try:
        values = nanoseconds(stamps.tz_localize(None))
    except OverflowError:
        raise _first_bad(texts, ["iso"], file, utc=True) from None
    return Stamps("timestamps", values, 1e-9, column, "Z", ("the UTC offset changes: time kept in UTC",))


def _first_bad(texts: NDArray[Any], forms: list[str], file: TableFile, *, utc: bool = False) -> RefusalError:
    """Return the refusal of the first text that none of the formats fits."""
    rows = [row for form in forms if (row := _first_failing(texts, form, utc)) is not None]
    if len(rows) == len(forms):
        # Up to the last of these rows, one of the formats fits.
        row = max(rows)
        return _no_stamp(str(texts[row]), row, file, mend=_are_few_bad(texts, forms))
    line = file.first_line + _first_other_offset(texts)
    return file.refusal("stamps in more than one format", line=line, column=file.time_column, fix=NO_TIME)


def _are_few_bad(texts: NDArray[Any], forms: list[str]) -> bool:
    """Return whether one of the formats fits all but few of the texts."""
    import pandas as pd

    series = pd.Series(texts, dtype=object)
    parsed = (pd.to_datetime(series, format=_pandas_format(form), errors="coerce", utc=True) for form in forms)
    return is_few(min(int(column.isna().sum()) for column in parsed), len(texts))


def _first_failing(texts: NDArray[Any], form: str, utc: bool) -> int | None:
    """Return the first row that a format does not fit."""
    # Block by block, for there may be millions.
    for begin in range(0, len(texts), BLOCK):
        block = texts[begin : begin + BLOCK]
        if _parsed(block, form, utc=utc) is None:
            row = next((k for k in range(len(block)) if _parsed(block[k : k + 1], form, utc=utc) is None), None)
            if row is not None:
                return begin + row
    return None


def _first_other_offset(texts: NDArray[Any]) -> int:
    """Return the first row that has an offset where the first has none, or none where the first has one."""
    lacks = OFFSET_TEXT.search(str(texts[0])) is None
    return next((row for row, text in enumerate(texts) if (OFFSET_TEXT.search(str(text)) is None) != lacks), 0)


def _no_stamp(text: str, row: int, file: TableFile, *, mend: bool = False) -> RefusalError:
    return file.refusal(
        f"{text!r} is no time stamp of the kind before",
        line=file.first_line + row,
        column=file.time_column,
        expected=f"such as 2022-08-05 15:26:13, of the years {YEARS[0]} to {YEARS[1]}",
        fix={} if mend else NO_TIME,
        advice=MEND if mend else "--time-format '%d.%m.%Y %H:%M' names another format.",
    )
