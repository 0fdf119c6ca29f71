"""Stamps from texts: dates, clocks, UTC offsets, in the one format that fits all of a column."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.cells import CLOCK, DAY, STAMP
from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError
from forecaster.reading.stamps import MEND, NO_TIME, YEARS, Stamps, few, nanoseconds

OFFSET_TEXT = re.compile(r"[ ]?(Z|UTC|[+-]\d{2}:?\d{2})\s*$")
CLOCK_SECOND = 1_500_000_000  # a logger that writes whole seconds may be off by one
DAY_NS = 86_400_000_000_000
BLOCK = 1024
OLD = 2013
"""A year before which few recordings that are read today began."""


def textual(texts: NDArray[Any], options: ReadingOptions, sniffed: Sniffed, *, where: dict[str, Any]) -> Stamps:
    """Parse texts: by --time-format, else by the pattern of the first, day or month first as fits all.

    Raises SignalError with the line of a text that is no such stamp.
    """
    column = where["column"]
    if options.time_format is not None:
        return _formatted(texts, options.time_format, sniffed, where=where)
    first = str(texts[0]).strip()
    match = STAMP.fullmatch(first) or DAY.fullmatch(first) or CLOCK.fullmatch(first)
    if match is None:
        raise _no_stamp(first, sniffed.first_line, where)
    parts = match.groupdict()
    offset, plain = _offsets(texts) if parts.get("z") else ("", texts)
    if offset == "mixed":
        return _mixed_offsets(texts, column, sniffed, where=where)
    forms = _forms(parts)
    results: dict[str, Any] = {form: _try(plain, form) for form in forms}
    good = [form for form in forms if results[form] is not None]
    if not good:
        raise _first_bad(plain, forms, sniffed, where)
    good, notes = _year_first(results, good)
    chosen = good[0] if len(good) == 1 else _more_regular(results, good, sniffed, where=where)
    if len(good) > 1:
        first_part = "day" if chosen.startswith("%d") else "month"
        notes = (*notes, f"dates read as {first_part} first: the steps are regular that way")
    values = results[chosen]
    if parts.get("p") is None and parts.get("Y") is None and parts.get("d") is None and parts.get("ym") is None:
        base = values - (values[0] - values[0] % DAY_NS)
        return _clock(base, column)
    return Stamps("timestamps", values, 1e-9, column, offset, notes)


def _clock(values: NDArray[np.int64], column: str) -> Stamps:
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
        return [f"%d{parts['c']}%b{parts['c']}%Y{time}"]
    if parts.get("p") is not None:
        mark, year = parts["b"], "%Y" if len(parts["y"] or "") == 4 else "%y"
        day_first, month_first = f"%d{mark}%m{mark}{year}{time}", f"%m{mark}%d{mark}{year}{time}"
        year_first = [] if year == "%Y" else [f"%y{mark}%m{mark}%d{time}"]
        return [day_first] if mark == "." else [day_first, month_first, *year_first]
    return [time.strip()]


def _is_iso(parts: dict[str, str | None]) -> bool:
    """Tell what the fast parser takes: 2022-08-05, 2022-08-05 15:26, 2022-08-05T15:26:13.153."""
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


def _try(texts: NDArray[Any], form: str, *, utc: bool = False) -> NDArray[np.int64] | None:
    """Parse all texts in one format, with or without a fraction of a second, with an offset only if `utc`, or None."""
    import pandas as pd

    try:
        parsed = pd.to_datetime(texts, format=_known(form), utc=utc)
        return nanoseconds(parsed.tz_localize(None)) if utc or parsed.tz is None else None
    except (ValueError, OverflowError, TypeError):
        pass
    if form == "iso" or "%S" not in form:
        return None
    other = re.sub(r".%f", "", form) if "%f" in form else form.replace("%S", "%S.%f")
    series = pd.Series(texts, dtype=object)
    both = [pd.to_datetime(series, format=f, errors="coerce", utc=utc) for f in (form, other)]
    filled = both[0].fillna(both[1]).dt.tz_localize(None)
    try:
        return None if filled.isna().any() else nanoseconds(filled)
    except OverflowError:
        return None


def _year_first(results: dict[str, Any], good: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the formats that stay, with notes: a year of two digits comes first where nothing else is as regular."""
    first = [form for form in good if form.startswith("%y")]
    rest = [form for form in good if form not in first]
    if not (first and rest):
        return good, ()
    if _regular(results[first[0]]) > max(_regular(results[form]) for form in rest) + 0.01:
        return first, ("dates read as year first: the steps are regular that way",)
    years = [
        int(np.datetime64(int(results[form][0]), "ns").astype("datetime64[Y]").astype(int)) + 1970
        for form in (rest[0], first[0])
    ]
    told = f"dates read as of {years[0]}: if the year comes first ({years[1]}), --time-format '{first[0]}'"
    return rest, (told,) if years[0] < OLD <= years[1] else ()


def _regular(values: NDArray[np.int64]) -> float:
    """Return the share of steps that are the usual one."""
    steps = np.diff(values)
    middle = np.median(steps) if len(steps) else 0
    return float((np.abs(steps - middle) <= max(0.01 * middle, CLOCK_SECOND)).mean()) if middle > 0 else 0.0


def _more_regular(results: dict[str, Any], good: list[str], sniffed: Sniffed, *, where: dict[str, Any]) -> str:
    """Return the format under which the steps are regular; refuse if that does not tell."""
    scores = [_regular(results[form]) for form in good]
    order = sorted(range(len(good)), key=lambda i: -scores[i])
    clear = scores[order[0]] > scores[order[1]] and scores[order[0]] > 0.5
    if clear and (scores[order[0]] == 1 or scores[order[0]] - scores[order[1]] > 0.01):
        return good[order[0]]
    if np.array_equal(*(results[form] for form in good)):
        return good[0]
    raise RefusalError(
        "dates that can be day first or month first, and are as regular either way",
        line=sniffed.first_line,
        expected="one reading of the date",
        fix={"time_format": good[0]},
        advice=f"If the month comes first: `--time-format '{good[1]}'`.",
        **where,
    )


def _formatted(texts: NDArray[Any], form: str, sniffed: Sniffed, *, where: dict[str, Any]) -> Stamps:
    import pandas as pd

    try:
        pd.to_datetime(["0"], format=form, errors="coerce")
    except (ValueError, re.error) as error:
        found = f"--time-format {form!r} is no format ({error})"
        raise RefusalError(found, expected="such as %d.%m.%Y %H:%M:%S", **where) from None
    plain = np.array([str(text).strip() for text in texts], dtype=object)
    try:
        stamps = pd.to_datetime(plain, format=form, utc="%z" in form)
        values = nanoseconds(stamps.tz_localize(None) if stamps.tz is not None else stamps)
    except (ValueError, OverflowError, TypeError):
        raise _first_bad(plain, [form], sniffed, where, utc="%z" in form) from None
    return Stamps("timestamps", values, 1e-9, where["column"], "Z" if "%z" in form else "")


def _offsets(texts: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Take the UTC offset off every text; "mixed" where it changes."""
    first = OFFSET_TEXT.search(str(texts[0]))
    suffix = first.group(0) if first else ""
    if not all(str(text).endswith(suffix) for text in texts):
        return "mixed", texts
    plain = np.empty(len(texts), object)
    plain[:] = [str(text)[: -len(suffix)] for text in texts]
    return suffix.strip(), plain


def _mixed_offsets(texts: NDArray[Any], column: str, sniffed: Sniffed, *, where: dict[str, Any]) -> Stamps:
    """Where the offset changes (summer time) the stamps count in UTC and are written in UTC."""
    import pandas as pd

    try:
        stamps = pd.to_datetime(texts, format="ISO8601", utc=True)
    except (ValueError, OverflowError, TypeError):
        raise _first_bad(texts, ["iso"], sniffed, where, utc=True) from None
    if not all(OFFSET_TEXT.search(str(text)) for text in texts):
        line = sniffed.first_line + _first_other_offset(texts)
        raise RefusalError("stamps with and without a UTC offset", line=line, fix=NO_TIME, **where)
    try:
        values = nanoseconds(stamps.tz_localize(None))
    except OverflowError:
        raise _first_bad(texts, ["iso"], sniffed, where, utc=True) from None
    return Stamps("timestamps", values, 1e-9, column, "Z", ("the UTC offset changes: time kept in UTC",))


def _first_bad(
    texts: NDArray[Any], forms: list[str], sniffed: Sniffed, where: dict[str, Any], *, utc: bool = False
) -> RefusalError:
    rows = [row for form in forms if (row := _first_failing(texts, form, utc)) is not None]
    if len(rows) == len(forms):
        row = max(rows)  # up to there one of the formats fits
        return _no_stamp(str(texts[row]), sniffed.first_line + row, where, mend=_few_bad(texts, forms))
    line = sniffed.first_line + _first_other_offset(texts)
    return RefusalError("stamps in more than one format", line=line, fix=NO_TIME, **where)


def _few_bad(texts: NDArray[Any], forms: list[str]) -> bool:
    """Tell whether one of the formats fits all but few of the texts."""
    import pandas as pd

    series = pd.Series(texts, dtype=object)
    read = (pd.to_datetime(series, format=_known(form), errors="coerce", utc=True) for form in forms)
    return few(min(int(one.isna().sum()) for one in read), len(texts))


def _known(form: str) -> str:
    return "ISO8601" if form == "iso" else form


def _first_failing(texts: NDArray[Any], form: str, utc: bool) -> int | None:
    """Return the first row that a format does not fit: block by block, for there may be millions."""
    for begin in range(0, len(texts), BLOCK):
        block = texts[begin : begin + BLOCK]
        if _try(block, form, utc=utc) is None:
            row = next((k for k in range(len(block)) if _try(block[k : k + 1], form, utc=utc) is None), None)
            if row is not None:
                return begin + row
    return None


def _first_other_offset(texts: NDArray[Any]) -> int:
    """Return the first row that has an offset where the first has none, or none where the first has one."""
    has = OFFSET_TEXT.search(str(texts[0])) is None
    return next((row for row, text in enumerate(texts) if (OFFSET_TEXT.search(str(text)) is None) != has), 0)


def _no_stamp(text: str, line: int, where: dict[str, Any], *, mend: bool = False) -> RefusalError:
    return RefusalError(
        f"{text!r} is no time stamp of the kind before",
        line=line,
        expected=f"such as 2022-08-05 15:26:13, of the years {YEARS[0]} to {YEARS[1]}",
        fix={} if mend else NO_TIME,
        advice=MEND if mend else "--time-format '%d.%m.%Y %H:%M' names another format.",
        **where,
    )
