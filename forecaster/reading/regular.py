"""A regular time axis from real stamps: order, duplicates, jitter, gaps.

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
from forecaster.reading.file import TableFile
from forecaster.reading.refusal import RefusalError
from forecaster.reading.stamps import Stamps
from forecaster.reading.time_zones import ZONE_ADVICE, clock_change
from forecaster.signal.time_axis import TimeKind, months_error, rate_error

# Rows that an integer can count.
MOST_LOST = 1e18
JITTER = 0.25
GAP = 1.5
# The longest run of rows or cells that is interpolated.
LONGEST_FILLED = 10
# Stamps are rounded if more than this share of them equal the one before.
ROUNDED_SHARE = 0.05
MONTH_S = 27 * 86400.0
# The share of a step of a month and more by which another may be longer or shorter.
MONTHS_OFF = 0.01
# The last day that every month has.
LAST_DAY = 28
# More gaps than this share of the steps are no gaps, but irregular steps.
IRREGULAR_SHARE = 0.2
DAY_NS = 86_400 * 10**9
# Values of equal stamps differ grossly if they do by so many times the step that nine of ten steps do not exceed.
GROSSLY, USUAL_STEP = 3.0, 0.9
# A step so many times as long as the others is a jump.
JUMP = 3.0


@dataclass
class Track:
    """The rows of a file on their way to recordings.

    `values` (T, C + X + F); `block` (T,) numbers the blocks that no recording may cross; `t` (T,)
    has the stamps, None without a column of time; `row` (T,) the rows of the file, None while they
    are all there in order. The last `ahead` rows hold future covariates alone.
    """

    file: TableFile
    values: NDArray[np.float64]
    block: NDArray[np.int64] | None = None
    stamps: Stamps | None = None
    t: Any = None
    row: NDArray[np.int64] | None = None
    ahead: int = 0

    def line(self, index: int) -> int:
        """Return the file's line of row `index`."""
        return self.file.first_line + int(index if self.row is None else self.row[index])

    def joint(self) -> NDArray[np.bool_]:
        """Return for each step (T-1,) whether both its rows are in one block."""
        if self.block is None:
            return np.ones(len(self.values) - 1, bool)
        return np.equal(np.diff(self.block), 0)

    @property
    def unit_s(self) -> float:
        """The unit of the stamps in seconds."""
        return 1.0 if self.stamps is None else self.stamps.unit_s

    @property
    def kind(self) -> TimeKind:
        """The kind of the stamps."""
        return "samples" if self.stamps is None else self.stamps.kind

    def take(self, index: NDArray[np.int64]) -> None:
        """Keep the rows `index`, in that order."""
        self.row = index if self.row is None else self.row[index]
        self.values = self.values[index]
        self.block = None if self.block is None else self.block[index]
        self.t = None if self.t is None else self.t[index]

    def cut(self, rows: NDArray[np.int64]) -> None:
        """Let a block begin at each of `rows`."""
        begins = np.zeros(len(self.values), np.int64)
        begins[rows] = 1
        block = 0 if self.block is None else self.block * (len(begins) + 1)
        self.block = block + np.cumsum(begins)

    def show(self, index: int) -> str:
        """Return the stamp of row `index` as a person reads it."""
        value = self.t[index]
        if self.kind == "timestamps":
            return str(np.datetime64(int(value), "ns")).replace("T", " ").removesuffix(".000000000").rstrip()
        return f"{value}"

    def show_length(self, length: float) -> str:
        """Return a length of time in a unit of its size."""
        seconds = float(length) * self.unit_s
        for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
            if seconds >= 2 * size or (size < 86400 and seconds >= size):
                return f"{seconds / size:.4g} {unit}"
        return f"{seconds:.4g} s"

    def refusal(self, problem: str, index: int, **more: Any) -> RefusalError:
        """Return the refusal of the stamp of row `index`."""
        column = None if self.stamps is None else self.stamps.column
        return self.file.refusal(problem, line=self.line(index), column=column, **more)


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
    """The regular step in the stamps' unit (months, where `calendar`), and the gaps (T-1,).

    `median` and `mean` are of the regular steps; `months` (T,) counts the months of a calendar,
    whose step is the pandas alias `calendar`. `rate_error` is the share by which the stamps leave
    the rate open.
    """

    median: float
    mean: float
    jitter: float
    gap: NDArray[np.bool_]
    months: NDArray[np.int64] | None = None
    calendar: str | None = None
    rate_error: float = 0.0


def put_in_order(track: Track, options: ReadingOptions) -> int:
    """Sort and merge rows of equal stamps as the options say; return how many were merged. Raises RefusalError."""
    if len(track.t) < 2:
        return 0
    _refuse_rounded(track)
    back = np.flatnonzero((np.diff(track.t) < 0) & track.joint())
    if len(back):
        if not options.sort:
            at = int(back[0]) + 1
            _refuse_end_of_summer_time(track, back)
            _refuse_restart(track, back)
            problem = f"the time steps back from {track.show(at - 1)} to {track.show(at)} ({len(back)} in all)"
            raise track.refusal(problem, at, expected="later stamps in later rows", fix={"sort": True})
        track.take(np.lexsort((track.t,) if track.block is None else (track.t, track.block)))
    same = np.flatnonzero((np.diff(track.t) == 0) & track.joint())
    if not len(same):
        return 0
    if options.duplicates == "error":
        at = int(same[0]) + 1
        _refuse_end_of_summer_time(track, same)
        problem = f"the time {track.show(at)} stands twice ({len(same)} in all)"
        expected, advice = "one row a stamp", _on_duplicates(track, same)
        raise track.refusal(problem, at, expected=expected, fix={} if advice else {"duplicates": "mean"}, advice=advice)
    _merge_equal(track, options)
    return len(same)


def _refuse_rounded(track: Track) -> None:
    """Raise RefusalError if many stamps are equal: they are rounded, and say nothing about single rows."""
    joint = track.joint()
    steps = np.diff(track.t)[joint]
    equal = int((steps == 0).sum())
    if equal <= ROUNDED_SHARE * len(steps) or equal < 3:
        return
    fix: dict[str, Any] = {"no_time": True}
    advice = ""
    if rate := _rate_between_changes(track.t, track.unit_s):
        low, rate_hz, high = rate
        fix["rate_hz"] = float(f"{rate_hz:.6g}")
        counted = "The rate counts the rows between the first and the last change of stamp"
        extent = _two_rates(track) or f"it is {low:.5g} to {high:.5g} Hz"
        advice = f"{counted}; {extent}. Put the logger's own rate if you know it."
    # Rounding may put one stamp below the one before; what steps back further or more often is another order.
    if (steps < 0).sum() > 1 or -steps.min() > steps.max():
        fix, advice = {}, "Put the rows in order of time first."
    at = int(np.flatnonzero(joint & (np.diff(track.t) == 0))[0]) + 1
    problem = f"{equal} of {len(steps)} stamps equal the one before: they are rounded (first {track.show(at)})"
    raise track.refusal(problem, at, expected="a stamp for each row", fix=fix, advice=advice)


def _two_rates(track: Track) -> str:
    """Return words that say so if the first half of the rows came faster or slower than the second."""
    half = len(track.t) // 2
    first = _rate_between_changes(track.t[:half], track.unit_s)
    second = _rate_between_changes(track.t[half:], track.unit_s)
    if first is None or second is None or (first[0] <= 1.02 * second[2] and second[0] <= 1.02 * first[2]):
        return ""
    return f"it was not constant: {first[1]:.4g} Hz in the first half of the rows, {second[1]:.4g} in the second"


def _rate_between_changes(t: NDArray[Any], unit_s: float) -> tuple[float, float, float] | None:
    """Return the least, the likely and the largest rate in Hz of cut stamps; None if they change less than twice.

    What stands before the first change and behind the last is cut off at a place that is not seen. A
    stamp changes up to a row late.

    >>> _rate_between_changes(np.array([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]), 1.0)
    (3.5, 4.0, 4.5)
    """
    changes = np.flatnonzero(np.diff(t)) + 1
    if len(changes) < 2 or t[changes[-1]] <= t[changes[0]]:
        return None
    rows, span_s = int(changes[-1] - changes[0]), float(t[changes[-1]] - t[changes[0]]) * unit_s
    return (rows - 1) / span_s, rows / span_s, (rows + 1) / span_s


def _refuse_end_of_summer_time(track: Track, rows: NDArray[np.int64]) -> None:
    """Raise RefusalError if the steps at `rows`, back or of nothing, are those of clocks that leave summer time.

    Rows that were sorted have lost the order that tells the two hours apart.
    """
    if track.row is not None or not _is_local(track):
        return
    steps = np.diff(track.t)
    usual = float(np.median(steps[track.joint()]))
    if all(clock_change(int(track.t[row]), int(track.t[row + 1]), usual) == "end" for row in rows.tolist()):
        at = int(rows[0]) + 1
        raise track.refusal(
            f"the clock goes back from {track.show(at - 1)} to {track.show(at)}: the end of summer time",
            at,
            expected="a time zone, or stamps without summer time",
            advice=ZONE_ADVICE,
        )


def _refuse_start_of_summer_time(track: Track, gaps: NDArray[np.int64], usual: float) -> None:
    """Raise RefusalError if one of the gaps is the hour that local clocks skip: nothing is missing there."""
    if not _is_local(track):
        return
    for row in gaps.tolist():
        if clock_change(int(track.t[row]), int(track.t[row + 1]), usual) == "start":
            raise track.refusal(
                f"the clock goes forward from {track.show(row)} to {track.show(row + 1)}: the start of summer time",
                row + 1,
                expected="a time zone, or stamps without summer time",
                advice=ZONE_ADVICE,
            )


def _is_local(track: Track) -> bool:
    """Return whether the stamps are dates with a clock, and nothing says how far it is ahead of UTC."""
    return (
        track.kind == "timestamps" and track.stamps is not None and not (track.stamps.utc_offset or track.stamps.zone)
    )


def _refuse_restart(track: Track, back: NDArray[np.int64]) -> None:
    """Raise RefusalError if the time begins again: sorting would mix recordings that stand one behind the other."""
    t, at = track.t, int(back[0]) + 1
    if at + 1 >= len(t) or len(back) > len(t) / 3 or t[at] != t[0] or not t[at] < t[at + 1] <= t[at - 1]:
        return
    lengths = np.diff([-1, *back, len(t) - 1])
    are_even = track.row is None and (lengths == lengths[0]).all()
    advice = "Put the recordings into files of their own, or number them in a column: --group-column."
    raise track.refusal(
        f"the time begins again at {track.show(at)} ({len(back) + 1} recordings, one behind the other)",
        at,
        expected="later stamps in later rows",
        fix={"recording_rows": int(lengths[0])} if are_even else {},
        advice="" if are_even else advice,
    )


def _on_duplicates(track: Track, same: NDArray[np.int64]) -> str:
    """Return why rows of equal stamps are not to be averaged: their values differ grossly; or nothing.

    Two readings of one time differ by no more than readings of neighbouring times do.
    """
    values, is_step = np.nan_to_num(track.values), np.ones(len(track.values) - 1, bool)
    is_step[same] = False
    if not is_step.any():
        return ""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.abs(np.diff(values, axis=0))
        usual, worst = np.quantile(steps[is_step], USUAL_STEP, axis=0), steps[same].max(axis=0)
        excess = np.nan_to_num(worst - GROSSLY * usual)
    column = int(np.argmax(excess))
    if excess[column] <= 0:
        return ""
    name = track.file.names[track.file.roles.channels[column]]
    return (
        f"Values of {name!r} at equal stamps differ by up to {worst[column]:.4g}, steps from row to row by about "
        f"{usual[column]:.4g}: they are no two readings of one time. Mend the stamps, or keep one row of each."
    )


def _merge_equal(track: Track, options: ReadingOptions) -> None:
    """Keep the first of the rows with equal stamps, or their mean."""
    is_first = np.concatenate([[True], (np.diff(track.t) != 0) | ~track.joint()])
    first = np.flatnonzero(is_first)
    if options.duplicates != "mean":
        track.take(first)
        return
    count = np.diff(np.append(first, len(is_first)))
    means = np.add.reduceat(track.values, first, axis=0) / count[:, None]
    values = np.where(count[:, None] > 1, means, track.values[first])
    track.take(first)
    track.values = values


def find_grid(track: Track) -> Grid | None:
    """Return the regular step and what deviates from it; None without two rows in one block.

    Raises RefusalError for irregular steps.
    """
    joint = track.joint()
    if not joint.any():
        return None
    steps = np.diff(track.t).astype(np.float64)
    median = float(np.median(steps[joint]))
    is_regular = np.abs(steps - median) <= max(JITTER * median, 1.5 * _resolution(track.t))
    if not (is_regular | ~joint).all() or (median * track.unit_s >= MONTH_S and (steps[joint] != median).any()):
        calendar = _calendar_months(track)
        if calendar is not None:
            return _month_grid(track, calendar[0], ends=calendar[1])
        _refuse_uneven_months(track, steps, median)
    gap = joint & ~is_regular & (steps >= GAP * median)
    irregular = joint & ~is_regular & ~gap
    if irregular.any() or gap.sum() > IRREGULAR_SHARE * joint.sum():
        raise _irregular(track, steps, median, bad=irregular if irregular.any() else gap)
    regular = steps[joint & is_regular]
    jitter = float(np.abs(regular - median).max() / median)
    is_exact = jitter == 0 or (jitter <= 1e-6 and track.t.dtype.kind == "f")
    mean = median if jitter == 0 else float(regular.mean())
    return Grid(
        median,
        _neat(mean) if is_exact else mean,
        0.0 if is_exact else jitter,
        gap,
        rate_error=rate_error(track.t, regular, runs=1 + len(steps) - len(regular)),
    )


def _neat(value: float) -> float:
    """Return a value without the noise of binary fractions: .02 for .019999999999999574."""
    return float(f"{value:.9g}") if value != int(value) else value


def _resolution(t: NDArray[Any]) -> float:
    """Return the finest decimal place that the stamps have."""
    stamps = t[:: max(1, len(t) // 2000)]
    if t.dtype.kind == "f":
        for digits in range(10):
            scaled = stamps * 10.0**digits
            if np.allclose(scaled, np.round(scaled), rtol=1e-12, atol=1e-6):
                return float(10.0**-digits)
        return 0.0
    place = 10**9
    while place > 1 and (stamps % place).any():
        place //= 10
    return float(place)


def _irregular(track: Track, steps: NDArray[np.float64], median: float, *, bad: NDArray[np.bool_]) -> RefusalError:
    """Return the refusal of the first of the `bad` steps."""
    at = int(np.flatnonzero(bad)[0]) + 1
    step, usual = track.show_length(steps[at - 1]), track.show_length(median)
    fix: dict[str, Any] = {"no_time": True}
    if track.kind != "samples":
        fix["rate_hz"] = float(f"{1 / (median * track.unit_s):.6g}")
    problem = f"a step of {step} among steps of {usual} ({int(bad.sum())} irregular)"
    is_reordered = track.row is not None or track.file.options.layout == "long"
    if is_reordered or steps[bad].max() > JUMP * median:
        # Rows that were put in order would be counted in the order of the file, and a jump is no uneven step.
        advice = "Resample it to regular steps first."
        return track.refusal(problem, at, expected="regular steps", advice=advice)
    advice = "Rows then count as evenly spaced: do so only if the stamps are wrong and the rows right."
    return track.refusal(problem, at, expected="regular steps", fix=fix, advice=advice)


def _calendar_months(track: Track) -> tuple[NDArray[np.int64], bool] | None:
    """Return the months of the stamps and whether they are their ends; None if the stamps are no calendar.

    All stamps of a calendar are on one day of their months up to the 28th, or all on the last.
    """
    if track.kind != "timestamps":
        return None
    stamps = track.t.astype("datetime64[ns]")
    month = stamps.astype("datetime64[M]")
    since_begin = (stamps - month.astype("datetime64[ns]")).astype(np.int64)
    until_end = ((month + 1).astype("datetime64[ns]") - stamps).astype(np.int64)
    if (since_begin == since_begin[0]).all() and since_begin[0] < LAST_DAY * DAY_NS:
        return month.astype(np.int64), False
    if (until_end == until_end[0]).all() and until_end[0] <= DAY_NS:
        return month.astype(np.int64), True
    return None


def _refuse_uneven_months(track: Track, steps: NDArray[np.float64], median: float) -> None:
    """Raise RefusalError for months that are no calendar, as those on the 30th: no mean step gives their stamps."""
    off = np.abs(steps - np.maximum(1, np.round(steps / median)) * median)
    bad = track.joint() & (off > MONTHS_OFF * median)
    if track.kind == "timestamps" and median * track.unit_s >= MONTH_S and bad.any():
        raise _irregular(track, steps, median, bad=bad)


def _month_grid(track: Track, months: NDArray[np.int64], *, ends: bool) -> Grid:
    """Return the grid of a calendar, of months or of their `ends`: the step counts in months."""
    joint, steps = track.joint(), np.diff(months).astype(np.float64)
    median = float(np.median(steps[joint]))
    gap = joint & (steps > median)
    if median < 1 or (joint & (steps < median)).any() or (steps[gap] % median).any():
        length = np.diff(track.t).astype(np.float64)
        raise _irregular(track, length, float(np.median(length)), bad=joint & (steps != median))
    nominal = float(np.median(np.diff(track.t)[joint]))
    alias = _alias(int(median), int(months[0]), ends)
    return Grid(nominal, nominal, 0.0, gap, months, alias, months_error(alias))


def _alias(step: int, month: int, ends: bool) -> str:
    """Return the pandas alias of a step of months; Q and Y only where they keep the file's months."""
    base, anchored = {3: ("Q", 3), 12: ("Y", 12)}.get(step, ("M", 1))
    if anchored > 1 and (month + ends) % anchored:
        base = "M"
    count = str(step) if base == "M" and step > 1 else ""
    return count + base + ("E" if ends else "S")


def handle_gaps(track: Track, grid: Grid, options: ReadingOptions) -> tuple[int, int]:
    """Return the number of gaps, left to be cut or filled with rows of NaN, and the number of rows filled in.

    Raises RefusalError for gaps that the options do not accept.
    """
    gaps = np.flatnonzero(grid.gap)
    if not len(gaps):
        return 0, 0
    t = track.t if grid.months is None else grid.months
    step = grid.median if grid.months is None else float(np.median(np.diff(grid.months)[~grid.gap]))
    sizes = np.diff(t)[gaps] / step
    if options.missing == "split":
        return len(gaps), 0
    lost = np.round(np.minimum(sizes, MOST_LOST)).astype(np.int64) - 1
    can_be_filled = (lost <= LONGEST_FILLED).all() and (np.abs(sizes - np.round(sizes)) <= JITTER + 1e-9).all()
    if options.missing == "error" and track.row is None and grid.months is None:
        _refuse_start_of_summer_time(track, gaps, grid.median)
    if options.missing == "error" or not can_be_filled:
        raise _gap(track, gaps, sizes, can_be_filled=bool(can_be_filled), options=options)
    _fill_gaps(track, grid, gaps, lost)
    return len(gaps), int(lost.sum())


def _gap(
    track: Track, gaps: NDArray[Any], sizes: NDArray[Any], *, can_be_filled: bool, options: ReadingOptions
) -> RefusalError:
    """Return the refusal of the first gap, or of the longest one where gaps would be filled."""
    worst = int(np.argmax(sizes)) if options.missing == "interpolate" else 0
    at = int(gaps[worst]) + 1
    length = track.show_length(track.t[at] - track.t[at - 1])
    problem = (
        f"a gap of {length} ({sizes[worst]:.4g} steps) after {track.show(at - 1)} "
        f"({len(gaps)} gaps, the longest {sizes.max():.4g} steps)"
    )
    limit = f"gaps of at most {LONGEST_FILLED} rows to interpolate"
    expected = "regular steps" if options.missing == "error" else limit
    return track.refusal(problem, at, expected=expected, fix={"missing": "interpolate" if can_be_filled else "split"})


def _fill_gaps(track: Track, grid: Grid, gaps: NDArray[np.int64], lost: NDArray[np.int64]) -> None:
    """Put rows of NaN into the gaps, their stamps evenly between those around."""
    count = np.zeros(len(track.t), np.int64)
    count[gaps + 1] = lost
    position = np.arange(len(track.t)) + np.cumsum(count)
    length = int(position[-1]) + 1
    values = np.full((length, track.values.shape[1]), np.nan)
    values[position] = track.values
    source = np.searchsorted(position, np.arange(length), side="left")
    t = np.interp(np.arange(length), position, (track.t - track.t[0]).astype(np.float64))
    filled = (np.round(t).astype(np.int64) if track.t.dtype.kind in "iu" else t) + track.t[0]
    # The stamps of the file stay as they are, to the last bit.
    filled[position] = track.t
    track.row = source if track.row is None else track.row[source]
    track.block = None if track.block is None else track.block[source]
    track.values, track.t = values, filled
    if grid.months is not None:
        grid.months = np.round(np.interp(np.arange(length), position, grid.months)).astype(np.int64)
    grid.gap = np.zeros(length - 1, bool)
