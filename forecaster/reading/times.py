"""Time columns: texts and numbers become stamps on one scale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import suspicion
from forecaster.reading.cells import CLOCK, DAY, STAMP, kind
from forecaster.reading.columns import Roles, letters
from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError
from forecaster.signals import TimeKind

EPOCHS: tuple[tuple[float, float, TimeKind, float], ...] = (
    (1e8, 1e10, "epoch-s", 1.0),
    (1e11, 1e13, "epoch-ms", 1e-3),
    (1e14, 1e16, "epoch-us", 1e-6),
    (1e17, 9e18, "epoch-ns", 1e-9),
)
CLOCK_SECOND = 1_500_000_000  # a logger that writes whole seconds may be off by one
YEARS = (1678, 2261)
DAY_NS = 86_400_000_000_000
FEW_BAD = 0.01
BLOCK = 1024
NO_TIME = {"no_time": True}
HEADER_UNITS = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}


@dataclass
class Stamps:
    """Stamps of all rows in the unit of `kind`; `unit_s` is that unit in seconds."""

    kind: TimeKind
    values: NDArray[Any]
    unit_s: float
    column: str
    utc_offset: str = ""
    notes: tuple[str, ...] = ()


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
    return _textual(texts, options, sniffed, where=where)


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
    few = len(bad) <= max(1, FEW_BAD * len(cells))
    return RefusalError(
        f"{cells[bad[0]]!r}" + (" at the end" if bad[0] == len(cells) - 1 else ""),
        line=sniffed.first_line + bad[0],
        expected="a number like the stamps before",
        fix={} if few else NO_TIME,
        advice="Mend or delete the line." if few else "",
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
    whole = values.dtype.kind in "iu"
    if whole and letters(name) in ("year", "years") and low >= YEARS[0] and high <= YEARS[1]:
        return _calendar_text(values, "%Y", column)
    if whole and "date" in name.lower() and low >= 19000101 and high <= 21001231:
        return _calendar_text(values, "%Y%m%d", column)
    for least, most, epoch, unit_s in EPOCHS:
        if least <= low and high < most:
            return Stamps(epoch, values.astype(np.int64) if whole else values, unit_s, column)
    if sniffed.header is False and whole and _counts(values):
        return Stamps("samples", values.astype(np.int64), 1.0, column, notes=("the first column counts the samples",))
    suspicion.refuse_serial(values, sniffed, name, where=where)
    return _seconds(values, name, column)


def _counts(values: NDArray[Any]) -> bool:
    return len(values) > 1 and bool((np.diff(values) == 1).all())


def _seconds(values: NDArray[Any], name: str, column: str) -> Stamps:
    match = re.search(r"(?:[(\[]\s*|_)(ms|us|µs|ns|min|h)\s*[)\]]?$", name.strip(), re.IGNORECASE)
    plain = name.strip().lower() if name.strip().lower() in HEADER_UNITS else ""
    unit = (match[1].lower() if match else "") or plain or ("ms" if "milli" in name.lower() else "")
    if not unit:
        return Stamps("seconds", values.astype(np.float64), 1.0, column)
    scaled = values.astype(np.float64) * HEADER_UNITS[unit]
    return Stamps("seconds", scaled, 1.0, column, notes=(f"time given in {unit}, kept in seconds",))


def _calendar_text(values: NDArray[Any], form: str, column: str) -> Stamps:
    import pandas as pd

    texts = pd.Series(values).astype(str)
    try:
        return Stamps("timestamps", _nanoseconds(pd.to_datetime(texts, format=form)), 1e-9, column)
    except (ValueError, OverflowError):
        raise RefusalError("whole numbers that are no dates", column=column, expected=form, fix=NO_TIME) from None


def _nanoseconds(stamps: Any) -> NDArray[np.int64]:
    """Count in nanoseconds. Raises OverflowError beyond the years that 64 bits hold, where NumPy wraps around."""
    plain = np.asarray(stamps)
    years = plain.astype("datetime64[Y]").astype(np.int64) + 1970
    if len(years) and (years.min() < YEARS[0] or years.max() > YEARS[1]):
        raise OverflowError("years beyond 1678 to 2261")
    return plain.astype("datetime64[ns]").astype(np.int64)


def _textual(texts: NDArray[Any], options: ReadingOptions, sniffed: Sniffed, *, where: dict[str, Any]) -> Stamps:
    """Parse texts: by --time-format, else by the pattern of the first, day or month first as fits all."""
    column = where["column"]
    if options.time_format is not None:
        return _formatted(texts, options.time_format, sniffed, where=where)
    first = str(texts[0]).strip()
    match = STAMP.fullmatch(first) or DAY.fullmatch(first) or CLOCK.fullmatch(first)
    if match is None:
        raise _no_stamp(first, sniffed.first_line, where)
    parts = match.groupdict()
    offset, plain = _offsets(texts) if parts.get("z") else ("", texts)
    notes: tuple[str, ...] = ()
    if offset == "mixed":
        return _mixed_offsets(texts, column, sniffed, where=where)
    forms = _forms(parts)
    results: dict[str, Any] = {form: _try(plain, form) for form in forms}
    good = [form for form in forms if results[form] is not None]
    if not good:
        raise _first_bad(plain, forms, sniffed, where)
    chosen = good[0] if len(good) == 1 else _more_regular(results, good, sniffed, where=where)
    if len(good) > 1:
        first_part = "day" if chosen.startswith("%d") else "month"
        notes = (f"dates read as {first_part} first: the steps are regular that way",)
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
        return [day_first] if mark == "." else [day_first, month_first]
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


def _try(texts: NDArray[Any], form: str) -> NDArray[np.int64] | None:
    """Parse all texts in one format, with or without a fraction of a second; None if one does not fit."""
    import pandas as pd

    try:
        parsed = pd.to_datetime(texts, format="ISO8601" if form == "iso" else form)
        return None if parsed.tz is not None else _nanoseconds(parsed)  # offsets are taken off before
    except (ValueError, OverflowError, TypeError):
        pass
    if form == "iso" or "%S" not in form:
        return None
    other = re.sub(r".%f", "", form) if "%f" in form else form.replace("%S", "%S.%f")
    both = [pd.to_datetime(pd.Series(texts, dtype=object), format=f, errors="coerce") for f in (form, other)]
    filled = both[0].fillna(both[1])
    try:
        return None if filled.isna().any() else _nanoseconds(filled)
    except OverflowError:
        return None


def _more_regular(results: dict[str, Any], good: list[str], sniffed: Sniffed, *, where: dict[str, Any]) -> str:
    """Return the format under which the steps are regular; refuse if that does not tell."""
    scores = []
    for form in good:
        steps = np.diff(results[form])
        middle = np.median(steps) if len(steps) else 0
        scores.append(float((np.abs(steps - middle) <= max(0.01 * middle, CLOCK_SECOND)).mean()) if middle > 0 else 0.0)
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

    plain = np.array([str(text).strip() for text in texts], dtype=object)
    try:
        stamps = pd.to_datetime(plain, format=form, utc="%z" in form)
        values = _nanoseconds(stamps.tz_localize(None) if stamps.tz is not None else stamps)
    except (ValueError, OverflowError, TypeError):
        raise _first_bad(plain, [form], sniffed, where) from None
    return Stamps("timestamps", values, 1e-9, where["column"], "Z" if "%z" in form else "")


OFFSET_TEXT = re.compile(r"[ ]?(Z|UTC|[+-]\d{2}:?\d{2})\s*$")


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
        values = _nanoseconds(pd.to_datetime(texts, format="ISO8601", utc=True).tz_localize(None))
    except (ValueError, OverflowError, TypeError):
        raise _bad_beside_offsets(texts, sniffed, where) from None
    if not all(OFFSET_TEXT.search(str(text)) for text in texts):
        line = sniffed.first_line + _first_other_offset(texts)
        raise RefusalError("stamps with and without a UTC offset", line=line, fix=NO_TIME, **where)
    return Stamps("timestamps", values, 1e-9, column, "Z", ("the UTC offset changes: time kept in UTC",))


def _bad_beside_offsets(texts: NDArray[Any], sniffed: Sniffed, where: dict[str, Any]) -> RefusalError:
    """Refuse the first text that is no stamp, whatever its offset."""
    row = _first_failing(np.array([OFFSET_TEXT.sub("", str(text)) for text in texts], dtype=object), "iso") or 0
    return _no_stamp(str(texts[row]), sniffed.first_line + row, where)


def _first_bad(texts: NDArray[Any], forms: list[str], sniffed: Sniffed, where: dict[str, Any]) -> RefusalError:
    rows = [row for form in forms if (row := _first_failing(texts, form)) is not None]
    if len(rows) == len(forms):
        row = max(rows)  # up to there one of the formats fits
        return _no_stamp(str(texts[row]), sniffed.first_line + row, where)
    line = sniffed.first_line + _first_other_offset(texts)
    return RefusalError("stamps in more than one format", line=line, fix=NO_TIME, **where)


def _first_failing(texts: NDArray[Any], form: str) -> int | None:
    """Return the first row that a format does not fit: block by block, for there may be millions."""
    for begin in range(0, len(texts), BLOCK):
        block = texts[begin : begin + BLOCK]
        if _try(block, form) is None:
            alone = (k for k in range(len(block)) if _try(block[k : k + 1], form) is None)
            row = next(alone, None)
            if row is not None:
                return begin + row
    return None


def _first_other_offset(texts: NDArray[Any]) -> int:
    """Return the first row that has an offset where the first has none, or none where the first has one."""
    has = OFFSET_TEXT.search(str(texts[0])) is None
    return next((row for row, text in enumerate(texts) if (OFFSET_TEXT.search(str(text)) is None) != has), 0)


def _no_stamp(text: str, line: int, where: dict[str, Any]) -> RefusalError:
    return RefusalError(
        f"{text!r} is no time stamp of the kind before",
        line=line,
        expected=f"such as 2022-08-05 15:26:13, of the years {YEARS[0]} to {YEARS[1]}",
        fix=NO_TIME,
        advice="--time-format '%d.%m.%Y %H:%M' names another format.",
        **where,
    )
