"""A regular time axis from real stamps: order, duplicates, jitter, gaps, missing cells.

The rule, for steps within one recording: with m the median step and r the finest decimal
place that the stamps have, a step d is regular if |d - m| <= max(m / 4, 1.5 r). Beyond that
it is a gap if d >= 1.5 m, else irregular. A regular recording with jitter gets the mean
step, so that the axis ends at the last stamp; the sample rate is 1 / the mean regular step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import doubtful_times
from forecaster.reading.refusal import RefusalError
from forecaster.reading.track import Track

MOST_LOST = 1e18  # rows: what an integer can count
JITTER = 0.25
GAP = 1.5
LONGEST_FILLED = 10
ROUNDED_SHARE = 0.05
MONTH_S = 27 * 86400.0
MONTHS_OFF = 0.01
"""The share of a step of a month and more by which another may be longer or shorter."""
LAST_DAY = 28
"""The last day that every month has."""
IRREGULAR_SHARE = 0.2


@dataclass(frozen=True)
class Timing:
    """What the time axis showed: `jitter` is the largest relative deviation of a regular step."""

    step_s: float | None = None
    jitter: float | None = None
    gaps: int = 0
    duplicates: int = 0
    interpolated: int = 0


@dataclass
class Grid:
    """The regular step `m` in the stamps' unit (months, where `calendar`), and what is not regular."""

    m: float
    mean: float
    jitter: float
    gap: NDArray[np.bool_]
    months: NDArray[np.int64] | None = None
    calendar: str | None = None


def ordered(track: Track, options: ReadingOptions) -> int:
    """Sort and merge duplicates as the options say; return the duplicates removed. Raises SignalError."""
    if len(track.t) < 2:
        return 0
    _refuse_rounded(track)
    steps = np.diff(track.t)
    back = np.flatnonzero((steps < 0) & track.joint())
    if len(back):
        if not options.sort:
            at = int(back[0]) + 1
            doubtful_times.refuse_anew(track, back, show(track, at))
            found = f"the time steps back from {show(track, at - 1)} to {show(track, at)} ({len(back)} in all)"
            raise track.refuse(found, at, expected="later stamps in later rows", fix={"sort": True})
        keys = (track.t,) if track.block is None else (track.t, track.block)
        track.take(np.lexsort(keys))
    same = np.flatnonzero((np.diff(track.t) == 0) & track.joint())
    if not len(same):
        return 0
    if options.duplicates == "error":
        at = int(same[0]) + 1
        found = f"the time {show(track, at)} stands twice ({len(same)} in all)"
        raise track.refuse(found, at, expected="one row a stamp", fix={"duplicates": "mean"})
    _merge(track, options)
    return len(same)


def _refuse_rounded(track: Track) -> None:
    """Refuse stamps of which many are equal: they are rounded, and say nothing about single rows."""
    joint = track.joint()
    steps = np.diff(track.t)[joint]
    equal = int((steps == 0).sum())
    if equal <= ROUNDED_SHARE * len(steps) or equal < 3:
        return
    fix: dict[str, Any] = {"no_time": True}
    advice = ""
    span = float(track.t[-1] - track.t[0]) * track.unit_s
    if span > 0:
        fix["rate_hz"] = float(f"{(len(track.t) - 1) / span:.4g}")
        advice = "The rate is the mean of all rows; put the logger's own rate if you know it." + _two_rates(track)
    at = int(np.flatnonzero(joint & (np.diff(track.t) == 0))[0]) + 1
    found = f"{equal} of {len(steps)} stamps equal the one before: they are rounded (first {show(track, at)})"
    raise track.refuse(found, at, expected="a stamp for each row", fix=fix, advice=advice)


def _two_rates(track: Track) -> str:
    """Say so if the first half of the rows came faster or slower than the second."""
    half = len(track.t) // 2
    first = float(track.t[half] - track.t[0]) * track.unit_s / half
    second = float(track.t[-1] - track.t[half]) * track.unit_s / (len(track.t) - 1 - half)
    if min(first, second) <= 0 or abs(first - second) <= 0.02 * min(first, second):
        return ""
    return f" It was not constant: {1 / first:.4g} Hz in the first half of the rows, {1 / second:.4g} in the second."


def _merge(track: Track, options: ReadingOptions) -> None:
    """Keep the first of equal stamps, or their mean."""
    fresh = np.concatenate([[True], (np.diff(track.t) != 0) | ~track.joint()])
    first = np.flatnonzero(fresh)
    if options.duplicates == "mean":
        count = np.diff(np.append(first, len(fresh)))
        means = np.add.reduceat(track.values, first, axis=0) / count[:, None]
        values = np.where(count[:, None] > 1, means, track.values[first])
        track.take(first)
        track.values = values
    else:
        track.take(first)


def show(track: Track, index: int) -> str:
    """Write a stamp as a person reads it."""
    value = track.t[index]
    if track.kind == "timestamps":
        return str(np.datetime64(int(value), "ns")).replace("T", " ").removesuffix(".000000000").rstrip()
    return f"{value}"


def span_text(track: Track, length: float) -> str:
    """Write a length of time in a unit of its size."""
    seconds = float(length) * track.unit_s
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 2 * size or (size < 86400 and seconds >= size):
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def grid(track: Track) -> Grid | None:
    """Find the regular step and what deviates from it. Raises SignalError for irregular steps."""
    joint = track.joint()
    if not joint.any():
        return None
    steps = np.diff(track.t).astype(np.float64)
    m = float(np.median(steps[joint]))
    ok = np.abs(steps - m) <= max(JITTER * m, 1.5 * _resolution(track.t))
    if not (ok | ~joint).all() or (m * track.unit_s >= MONTH_S and (steps[joint] != m).any()):
        found = _calendar(track)
        if found is not None:
            return _month_grid(track, found[0], ends=found[1])
        _refuse_days(track, steps, m)
    gap = joint & ~ok & (steps >= GAP * m)
    irregular = joint & ~ok & ~gap
    if irregular.any() or gap.sum() > IRREGULAR_SHARE * joint.sum():
        raise _irregular(track, steps, m, bad=irregular if irregular.any() else gap)
    regular = steps[joint & ok]
    jitter = float(np.abs(regular - m).max() / m)
    exact = jitter == 0 or (jitter <= 1e-6 and track.t.dtype.kind == "f")
    mean = m if jitter == 0 else float(regular.mean())
    return Grid(m, _neat(mean) if exact else mean, 0.0 if exact else jitter, gap)


def _neat(value: float) -> float:
    """Drop the noise of binary fractions: .02 from .019999999999999574."""
    return float(f"{value:.9g}") if value != int(value) else value


def _resolution(t: NDArray[Any]) -> float:
    """Return the finest decimal place that the stamps have."""
    some = t[:: max(1, len(t) // 2000)]
    if t.dtype.kind == "f":
        for digits in range(10):
            scaled = some * 10.0**digits
            if np.allclose(scaled, np.round(scaled), rtol=1e-12, atol=1e-6):
                return float(10.0**-digits)
        return 0.0
    place = 10**9
    while place > 1 and (some % place).any():
        place //= 10
    return float(place)


def _irregular(track: Track, steps: NDArray[np.float64], m: float, *, bad: NDArray[np.bool_]) -> RefusalError:
    at = int(np.flatnonzero(bad)[0]) + 1
    found = (
        f"a step of {span_text(track, steps[at - 1])} among steps of {span_text(track, m)} ({int(bad.sum())} irregular)"
    )
    fix: dict[str, Any] = {"no_time": True}
    if track.kind != "samples":
        fix["rate_hz"] = float(f"{1 / (m * track.unit_s):.6g}")
    advice = "Rows then count as evenly spaced: do so only if the stamps are wrong and the rows right."
    return track.refuse(found, at, expected="regular steps", fix=fix, advice=advice)


def _calendar(track: Track) -> tuple[NDArray[np.int64], bool] | None:
    """Return the months of the stamps, all on one day of theirs up to the 28th, or on the last, and which it is."""
    if track.kind != "timestamps":
        return None
    stamps = track.t.astype("datetime64[ns]")
    month = stamps.astype("datetime64[M]")
    inside = (stamps - month.astype("datetime64[ns]")).astype(np.int64)
    left = ((month + 1).astype("datetime64[ns]") - stamps).astype(np.int64)
    if (inside == inside[0]).all() and inside[0] < LAST_DAY * 86_400 * 10**9:
        return month.astype(np.int64), False
    if (left == left[0]).all() and left[0] <= 86_400 * 10**9:
        return month.astype(np.int64), True
    return None


def _refuse_days(track: Track, steps: NDArray[np.float64], m: float) -> None:
    """Refuse months that are no calendar, as those on the 30th: their mean step would give stamps that nobody wrote."""
    off = np.abs(steps - np.maximum(1, np.round(steps / m)) * m)
    bad = track.joint() & (off > MONTHS_OFF * m)
    if track.kind == "timestamps" and m * track.unit_s >= MONTH_S and bad.any():
        raise _irregular(track, steps, m, bad=bad)


def _month_grid(track: Track, months: NDArray[np.int64], *, ends: bool) -> Grid:
    """Return the grid of a calendar, of months or of their `ends`: the step counts in months."""
    joint, steps = track.joint(), np.diff(months).astype(np.float64)
    m = float(np.median(steps[joint]))
    gap = joint & (steps > m)
    if m < 1 or (joint & (steps < m)).any() or (steps[gap] % m).any():
        length = np.diff(track.t).astype(np.float64)
        raise _irregular(track, length, float(np.median(length)), bad=joint & (steps != m))
    nominal = float(np.median(np.diff(track.t)[joint]))
    return Grid(nominal, nominal, 0.0, gap, months, _alias(int(m), int(months[0]), ends))


def _alias(step: int, month: int, ends: bool) -> str:
    """Return the pandas alias of a step of months; Q and Y only where they keep the file's months."""
    base, anchored = {3: ("Q", 3), 12: ("Y", 12)}.get(step, ("M", 1))
    if anchored > 1 and (month + ends) % anchored:
        base = "M"
    count = str(step) if base == "M" and step > 1 else ""
    return count + base + ("E" if ends else "S")


def handle_gaps(track: Track, found: Grid, options: ReadingOptions) -> tuple[int, int]:
    """Refuse gaps, leave them to be cut, or fill their rows with NaN; return their number and the rows filled."""
    gaps = np.flatnonzero(found.gap)
    if not len(gaps):
        return 0, 0
    source = track.t if found.months is None else found.months
    step = found.m if found.months is None else float(np.median(np.diff(found.months)[~found.gap]))
    sizes = np.diff(source)[gaps] / step
    if options.missing == "split":
        return len(gaps), 0
    lost = np.round(np.minimum(sizes, MOST_LOST)).astype(np.int64) - 1
    fillable = (lost <= LONGEST_FILLED).all() and (np.abs(sizes - np.round(sizes)) <= JITTER + 1e-9).all()
    if options.missing == "error" or not fillable:
        raise _gap(track, gaps, sizes, fillable=bool(fillable), options=options)
    _insert(track, found, gaps, lost)
    return len(gaps), int(lost.sum())


def _gap(
    track: Track, gaps: NDArray[Any], sizes: NDArray[Any], *, fillable: bool, options: ReadingOptions
) -> RefusalError:
    worst = int(np.argmax(sizes)) if options.missing == "interpolate" else 0
    at = int(gaps[worst]) + 1
    length = span_text(track, track.t[at] - track.t[at - 1])
    found = (
        f"a gap of {length} ({sizes[worst]:.4g} steps) after {show(track, at - 1)} "
        f"({len(gaps)} gaps, the longest {sizes.max():.4g} steps)"
    )
    limit = f"gaps of at most {LONGEST_FILLED} rows to interpolate"
    expected = "regular steps" if options.missing == "error" else limit
    return track.refuse(found, at, expected=expected, fix={"missing": "interpolate" if fillable else "split"})


def _insert(track: Track, found: Grid, gaps: NDArray[np.int64], lost: NDArray[np.int64]) -> None:
    """Put rows of NaN into gaps, their stamps evenly between those around."""
    count = np.zeros(len(track.t), np.int64)
    count[gaps + 1] = lost
    position = np.arange(len(track.t)) + np.cumsum(count)
    length = int(position[-1]) + 1
    values = np.full((length, track.values.shape[1]), np.nan)
    values[position] = track.values
    source = np.searchsorted(position, np.arange(length), side="left")
    t = np.interp(np.arange(length), position, (track.t - track.t[0]).astype(np.float64))
    whole = track.t.dtype.kind in "iu"
    filled = (np.round(t).astype(np.int64) if whole else t) + track.t[0]
    filled[position] = track.t
    track.row = source if track.row is None else track.row[source]
    track.block = None if track.block is None else track.block[source]
    track.values, track.t = values, filled
    if found.months is not None:
        found.months = np.round(np.interp(np.arange(length), position, found.months)).astype(np.int64)
    found.gap = np.zeros(length - 1, bool)
