"""Times that are hardly what they seem: of an unknown format, in a later column, as counts of days, begun again."""

from __future__ import annotations

import contextlib
import shlex
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.cells import PATTERNS
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source
from forecaster.reading.time_units import SECONDS, other_unit, unit_of_time
from forecaster.reading.track import Track
from forecaster.reading.traits import TIME_NAMES, is_ramp, letters, numbers_of

ROWS = 8
"""Of fewer rows nobody can say that they rise steadily."""
COMPACT = ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S"))
FORMATS = (
    *("%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M", "%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S", "%Y%m%d %H%M%S"),
    *("%Y-%m-%d %H", "%Y-%m-%dT%H", "%Y:%m:%d %H:%M:%S", "%Y:%m:%d %H:%M", "%Y_%m_%d_%H_%M_%S", "%Y-%m-%d-%H:%M:%S"),
    *("%d-%b-%y %H:%M:%S", "%d-%b-%y %H:%M", "%d-%b-%y", "%d %b %y %H:%M:%S", "%d %b %y %H:%M", "%d %b %y"),
    *("%d %B %Y %H:%M:%S", "%d %B %Y %H:%M", "%d %B %Y", "%d %b %Y %H:%M", "%B %d, %Y", "%B %d, %Y %H:%M", "%b %d, %Y"),
    *("%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%b-%Y", "%b %Y", "%B %Y"),
    *("%Y-%j", "%Y%j", "%Y-%jT%H:%M:%S", "%G-W%V-%u"),
)
"""Formats that are not looked for, but proposed where one fits."""
MODERN = 1e9
"""Seconds since 1970 in the year 2001; what is less is rather a counter."""
# counts of days that are of the years 1954 to 2119, and 1889 to 2108
SERIAL_DAYS = ((20_000, 80_000, "Excel"), (690_000, 770_000, "MATLAB"))
_DATED = "date datetime timestamp timestamps datum zeitstempel fecha dateandtime dateutc datetimeutc"
DATED = frozenset(_DATED.split())


def refuse_unknown_time(sniffed: Sniffed, options: ReadingOptions, path: str) -> None:
    """Refuse to leave out, as text, a column that is called time: order, gaps and rate stand in it."""
    if options.no_time or options.symbols or not sniffed.header:
        return
    for index, what in enumerate(sniffed.kinds):
        name = sniffed.names[index]
        first = next((row[index] for row in sniffed.sample if index < len(row)), "")
        digits = any(c.isdigit() for c in first)
        if digits and what == "text" and letters(name) in TIME_NAMES and "number" in sniffed.kinds:
            raise RefusalError(
                f"{first!r} is no time stamp of a known kind",
                path=path,
                line=sniffed.first_line,
                column=name,
                expected="such as 2022-08-05 15:26:13",
                **_way_out(name, first),
            )


def _way_out(name: str, text: str) -> dict[str, Any]:
    """Return the format in which a stamp is written, as the fix of its refusal, or how to name another."""
    for form in FORMATS:
        with contextlib.suppress(ValueError):
            datetime.strptime(text.strip(), form)
            return {"fix": {"time_columns": (name,), "time_format": form}, "advice": "Or leave time out: --no-time."}
    told = f"If it is the time, `--time-column {shlex.quote(name)} --time-format FORMAT` says how it is written."
    return {"fix": {"no_time": True}, "advice": told}


def refuse_clock(
    sniffed: Sniffed, channels: tuple[int, ...], time: tuple[int, ...], *, source: Source, options: ReadingOptions
) -> None:
    """Refuse a headerless file where a later column rises like a clock: it is hardly a channel."""
    if sniffed.header or time or options.no_time:
        return
    rising = [i for i in channels if len(sniffed.sample) >= ROWS and is_ramp(sniffed, i, jitter=0.5)]
    if not rising or len(channels) < 2:
        return
    index = rising[0]
    rest = tuple(str(i + 1) for i in channels if i > index)
    numbers = numbers_of(sniffed, index)
    step = _mean_step(source, sniffed, index)
    clock = index == 3 and all(0 <= v < limit for i, limit in enumerate((24, 60, 60)) for v in numbers_of(sniffed, i))
    rate = float(f"{1e6 / step:.4g}") if clock and step > 0 else None
    fix: dict[str, object] = {"columns": rest} if rest else {"time_columns": (str(index + 1),)}
    if rate:
        fix["rate_hz"] = rate
    raise RefusalError(
        f"rises steadily from {numbers[0]:g} in steps of about {step:.6g}, like a clock"
        + (" of microseconds behind hours, minutes and seconds" if clock else ""),
        path=source.path,
        line=sniffed.first_line,
        column=index + 1,
        expected="time in the first column, or channels only",
        fix=fix,
        advice="Choose the channels with --column, the time with --time-column; --no-time takes all as channels.",
    )


def perhaps_clocks(sniffed: Sniffed, channels: tuple[int, ...]) -> list[str]:
    """Tell which channel of a file with names rises as a clock does: a time by a name that is not known."""
    enough = sniffed.header and len(sniffed.sample) >= ROWS and len(channels) > 1
    names = [sniffed.names[i] for i in channels if enough and is_ramp(sniffed, i)]
    return [f"column {name!r} rises steadily: if it is the time, --time-column {shlex.quote(name)}" for name in names]


def _mean_step(source: Source, sniffed: Sniffed, index: int) -> float:
    """Return the mean step of a column over the whole file, or over the sample where the end is odd."""
    numbers, last, rows = numbers_of(sniffed, index), "", 0
    for number, line in enumerate(source.lines(), start=1):
        if number >= sniffed.first_line and line.strip():
            last, rows = line, rows + 1
    cells = split_line(last, sniffed.delimiter)
    text = cells[index] if index < len(cells) else ""
    if PATTERNS[sniffed.decimal].fullmatch(text) and float(text.replace(",", ".")) > numbers[-1]:
        return (float(text.replace(",", ".")) - numbers[0]) / (rows - 1)
    return (numbers[-1] - numbers[0]) / (len(numbers) - 1)


def refuse_other_scale(values: NDArray[Any], sniffed: Sniffed, name: str, *, where: dict[str, Any]) -> None:
    """Refuse what no unit of time in the header calls seconds, and what is hardly so: days, or an unknown unit."""
    if not unit_of_time(name):
        _refuse_serial(values, sniffed, name, where=where)
        _refuse_other_unit(sniffed, name, where=where)


def _refuse_serial(values: NDArray[Any], sniffed: Sniffed, name: str, *, where: dict[str, Any]) -> None:
    """Refuse dates written as a count of days: as seconds, the rate would be 86,400 times too high."""
    days = values.astype(np.float64)
    low, high = float(days.min()), float(days.max())
    if (days == np.rint(days)).all() and (len(days) < 2 or np.median(np.diff(days)) != 1):
        return  # whole numbers some way apart: a clock of milliseconds
    step = _step(days)
    for least, most, writer in SERIAL_DAYS if letters(name) in DATED or _steps_in_days(step) else ():
        if least <= low and high <= most:
            raise RefusalError(
                f"{values[0]:.12g} and the others look like serial dates of {writer}, which count days",
                line=sniffed.first_line,
                expected="dates, or seconds",
                fix={"no_time": True, **({"rate_hz": float(f"{1 / (step * 86400):.6g}")} if step > 0 else {})},
                advice="Write the dates as text to keep them. "
                "If they are seconds or milliseconds: name the column time_s, or time_ms.",
                **where,
            )


def _step(days: NDArray[np.float64]) -> float:
    """Return the usual step; the mean one, which is less rounded, where there are no gaps."""
    if len(days) < 2:
        return 0.0
    usual, mean = float(np.median(np.diff(days))), float(days[-1] - days[0]) / (len(days) - 1)
    return mean if abs(mean - usual) < 0.01 * usual else usual


def _steps_in_days(step: float) -> bool:
    """Tell whether a step is whole seconds as a share of a day, and no round number by itself, as clocks have."""
    seconds = step * 86400
    return abs(step - round(step, 5)) > 1e-8 and round(seconds) >= 1 and abs(seconds - round(seconds)) < 1e-3 * seconds


def _refuse_other_unit(sniffed: Sniffed, name: str, *, where: dict[str, Any]) -> None:
    """Refuse a time in a unit that is not known: taken for seconds, the rate would be wrong."""
    unit = other_unit(name)
    if unit:
        raise RefusalError(
            f"a time in {unit!r}",
            line=sniffed.skip_rows + 1,
            expected=f"one of {', '.join(SECONDS)}",
            fix={"no_time": True},
            advice="Add --rate HZ to it, or name the unit in the header.",
            **where,
        )


def refuse_compact(values: NDArray[Any], sniffed: Sniffed, *, where: dict[str, Any]) -> None:
    """Refuse whole numbers all of which are dates, written as 20220805 or 202208051526: they are hardly a count."""
    import pandas as pd

    low, high = int(values.min()), int(values.max())
    for digits, form in COMPACT:
        if len(str(low)) != digits or not 1900 <= low // 10 ** (digits - 4) <= high // 10 ** (digits - 4) <= 2100:
            continue
        if pd.to_datetime(pd.Series(values).astype(str), format=form, errors="coerce").notna().all():
            raise RefusalError(
                f"{values[0]} and the others can be read as dates",
                line=sniffed.first_line,
                expected="a format for them, or a unit in the header",
                fix={"time_format": form},
                advice="If they count, name the column time_s, time_ms, or time_us.",
                **where,
            )


def refuse_counted(values: NDArray[Any], sniffed: Sniffed, *, where: dict[str, Any]) -> None:
    """Refuse whole numbers as large as seconds since 1970 whose steps no clock of seconds makes: a finer counter."""
    step = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    if float(values.min()) >= MODERN or step < 100 or step % 60 == 0:
        return
    day = np.datetime64(int(values[0]), "s").astype("datetime64[D]")
    raise RefusalError(
        f"{values[0]} and the others are {day} and a row every {step:g} s if they count seconds since 1970",
        line=sniffed.first_line,
        expected="a unit in the header, for they may count micro- or milliseconds",
        fix={"no_time": True, "rate_hz": float(f"{1e6 / step:.6g}")},
        advice="That rate is for microseconds. To keep the times name the column time_us, time_ms, or time_s.",
        **where,
    )


def refuse_anew(track: Track, back: NDArray[np.int64], shown: str) -> None:
    """Refuse a time that begins again: sorting would mix recordings that stand one behind the other."""
    t, at = track.t, int(back[0]) + 1
    if at + 1 >= len(t) or len(back) > len(t) / 3 or t[at] != t[0] or not t[at] < t[at + 1] <= t[at - 1]:
        return
    blocks = np.diff([-1, *back, len(t) - 1])
    even = track.row is None and (blocks == blocks[0]).all()
    raise track.refuse(
        f"the time begins again at {shown} ({len(back) + 1} recordings, one behind the other)",
        at,
        expected="later stamps in later rows",
        fix={"recording_rows": int(blocks[0])} if even else {},
        advice=""
        if even
        else "Put the recordings into files of their own, or number them in a column: --group-column.",
    )
