"""From a table to a signal: rows in time, cut into recordings, with what is known of the future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Cycle, ReadingOptions
from forecaster.reading import checks, stamps
from forecaster.reading.file import Dialect, InputFile, Table, TableFile, trailing_rows
from forecaster.reading.refusal import RefusalError
from forecaster.reading.regular import LONGEST_FILLED, Grid, Timing, Track, find_grid, handle_gaps, put_in_order
from forecaster.signal import calendar
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import RATE_TOLERANCE, TimeAxis

GOES_ON = "rows of known values that go on after the last measured one"
# A note says which channel costs the most rows if less than this share of them is kept.
KEPT_SHARE = 0.8


@dataclass(frozen=True)
class Reading:
    """A signal, what its time axis showed, how its file was written, and the columns of text that were dropped.

    `dialect` is None where the file is no text.
    """

    signal: Signal
    timing: Timing
    dialect: Dialect | None = None
    dropped_columns: tuple[str, ...] = ()


def with_stamps(table: Table) -> None:
    """Parse the column of time into `table.stamps`, and note what that did. Raises RefusalError."""
    table.stamps = stamps.parse(table)
    if table.stamps is not None:
        table.notes += table.stamps.notes


def track_of(table: Table) -> Track:
    """Return the rows of a table with their stamps, in blocks where group or row count cut."""
    t = None if table.stamps is None else table.stamps.values
    block = blocks(table.group, len(table), table.file.options)
    return Track(table.file, table.values, block, table.stamps, t, ahead=table.ahead)


def blocks(group: NDArray[Any] | None, rows: int, options: ReadingOptions) -> NDArray[np.int64] | None:
    """Return a number (T,) for the block of each row: one for each run of `group`, cut at --recording-rows."""
    if group is None and options.recording_rows is None:
        return None
    block = np.zeros(rows, np.int64)
    if group is not None:
        text = group.astype(str)
        block[1:] = np.cumsum(text[1:] != text[:-1])
    if options.recording_rows is not None:
        block = block * (rows + 1) + np.arange(rows) // options.recording_rows
    return block


def reading(table: Table, track: Track, channels: tuple[str, ...]) -> Reading:
    """Return the reading of a table: its rows cut into recordings, its last columns the covariates of `channels`."""
    file, roles = table.file, table.file.roles
    checks.follow_counts(table, track)
    timing, grid, recordings = _timed(track, table.notes)
    rate_hz = file.options.rate_hz or (float(f"{1 / timing.step_s:.9g}") if timing.step_s else None)
    if not recordings:
        raise file.refusal("no row without missing cells", line=file.first_line)
    _note_lost_rows(track, recordings, channels, table.notes)
    target_count = len(channels) - roles.covariates
    signal = Signal(
        name=file.name,
        channels=channels[:target_count],
        exogenous=channels[target_count:],
        known=roles.future_covariates,
        recordings=tuple(recordings),
        units=roles.units if len(roles.units) == target_count else roles.units[:1] * target_count,
        sample_rate_hz=rate_hz,
        path=file.path,
        sha256=file.source.sha256(),
        rows=len(table),
        notes=tuple(table.notes),
        symbols=table.alphabet,
        covariate_units=roles.covariate_units if any(roles.covariate_units) else (),
        headers=_headers(file, channels) if not table.alphabet else (),
        rate_error=0.0 if grid is None or file.options.rate_hz else grid.rate_error,
    )
    return Reading(signal, timing, file.dialect, file.dropped_columns)


def _headers(file: TableFile, channels: Sequence[str]) -> tuple[str, ...]:
    """Return the headers of `channels` as they stand in the file; nothing where a channel is no column of its own."""
    headers = tuple(file.names[index] for index in file.roles.channels)
    return headers if file.header and len(headers) == len(channels) else ()


def _timed(track: Track, notes: list[str]) -> tuple[Timing, Grid | None, list[Recording]]:
    """Return what the time axis shows, the grid of its stamps, and the recordings; `notes` gets what was done."""
    options = track.file.options
    if track.t is None:
        recordings, filled = _cut(track, None, notes)
        note_counts(notes, filled=filled)
        step_s = None if options.rate_hz is None else 1 / options.rate_hz
        return Timing(step_s, interpolated=filled), None, recordings
    _refuse_early_future(track)
    duplicates = put_in_order(track, options)
    grid = find_grid(track)
    gaps, inserted = (0, 0) if grid is None else handle_gaps(track, grid, options)
    recordings, filled = _cut(track, grid, notes)
    step_s = None if grid is None or track.kind == "samples" else grid.mean * track.unit_s
    if grid is not None and step_s:
        _refuse_other_rate(track, step_s, grid.rate_error)
    if duplicates:
        how = "mean taken" if options.duplicates == "mean" else "first kept"
        notes.append(f"{duplicates} rows with a stamp that stood before: {how}")
    note_counts(notes, filled=filled, gaps=gaps, inserted=inserted)
    return Timing(step_s, None if grid is None else grid.jitter, gaps, duplicates, filled), grid, recordings


def _refuse_other_rate(track: Track, step_s: float, rate_error: float) -> None:
    """Raise RefusalError if the stamps tell another rate than --rate does: one of the two is wrong."""
    rate_hz = track.file.options.rate_hz
    if rate_hz and abs(rate_hz * step_s - 1) > max(RATE_TOLERANCE, rate_error):
        raise track.refusal(
            f"its stamps are those of {1 / step_s:.6g} Hz, and --rate says {rate_hz:.6g} Hz",
            0,
            expected="one rate",
            advice=f"If the stamps are wrong, read it with --no-time --rate {rate_hz:.9g}.",
        )


def note_counts(notes: list[str], *, filled: int, gaps: int = 0, inserted: int = 0) -> None:
    """Add what was done to gaps and missing values to `notes`."""
    if gaps:
        notes.append(f"{gaps} gaps filled with {inserted} rows" if inserted else f"cut at {gaps} gaps")
    if filled:
        notes.append(f"{filled} missing values interpolated")


def _note_lost_rows(track: Track, recordings: list[Recording], channels: tuple[str, ...], notes: list[str]) -> None:
    """Note which channel costs the most rows, where cutting at missing cells costs many."""
    kept, rows = sum(map(len, recordings)), len(track.values)
    if track.file.options.missing == "interpolate" and kept < rows:
        lost_rows = "1 row" if rows - kept == 1 else f"{rows - kept} rows"
        notes.append(f"{lost_rows} at the ends left out: {_lacking_at_ends(track, channels)} has no value there")
    elif kept < KEPT_SHARE * rows and len(channels) > 1:
        lost = np.isnan(track.values).sum(axis=0)
        worst = int(np.argmax(lost))
        lacks = f"{channels[worst]!r} lacks {lost[worst]}"
        notes.append(f"{kept} of {rows} rows are whole: {lacks}; --column chooses channels")


def _lacking_at_ends(track: Track, channels: tuple[str, ...]) -> str:
    """Return the channel that lacks the most values in the rows that are still incomplete after interpolation."""
    missing = np.isnan(track.values)
    return repr(channels[int(np.argmax(missing.sum(axis=0)))])


# Recordings: cut at blocks, gaps and missing cells.


def _cut(track: Track, grid: Grid | None, notes: list[str]) -> tuple[list[Recording], int]:
    """Return the recordings, the last one with what is known of its future; and the number of cells filled."""
    future = _take_future(track, grid, notes)
    segments, filled = _segments(track, None if grid is None else grid.gap)
    recordings = _recordings(track, grid, segments)
    if future is not None and recordings:
        recordings[-1] = replace(recordings[-1], future=_future_from(track, grid, future, segments[-1][1]))
    return recordings, filled


def _segments(track: Track, gap: NDArray[np.bool_] | None) -> tuple[list[tuple[int, int]], int]:
    """Return the rows as [start, stop) cut at blocks, gaps and missing cells; and the number of cells filled."""
    length = len(track.values)
    # A minimum costs no array: most files lack nothing.
    has_holes = any(np.isnan(column.min()) for column in track.values.T) if length else False
    if not has_holes and track.block is None and (gap is None or not gap.any()):
        return ([(0, length)] if length else []), 0
    cut = np.zeros(length + 1, bool)
    cut[[0, length]] = True
    if length > 1:
        cut[1:-1] |= ~track.joint()
        if gap is not None:
            cut[1:-1] |= gap
    bounds = np.flatnonzero(cut)
    pairs = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    holes = np.zeros(length, bool)
    for column in track.values.T:
        holes |= np.isnan(column)
    if not holes.any():
        return pairs, 0
    if track.file.options.missing == "interpolate":
        return _interpolated(track, pairs, holes)
    return [(start + a, start + b) for start, stop in pairs for a, b in runs(~holes[start:stop])], 0


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of true values as [start, stop).

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _interpolated(
    track: Track, pairs: list[tuple[int, int]], holes: NDArray[np.bool_]
) -> tuple[list[tuple[int, int]], int]:
    """Fill short runs of missing cells linearly, and drop rows with holes at the ends; return as `_segments`."""
    track.values = track.values.copy()
    segments, filled = [], 0
    for start, stop in pairs:
        pieces = runs(~holes[start:stop])
        if not pieces:
            continue
        inner = slice(start + pieces[0][0], start + pieces[-1][1])
        for channel in range(track.values.shape[1]):
            column = track.values[inner, channel]
            gone = np.isnan(column)
            if gone.any():
                first, longest = max(((a, b - a) for a, b in runs(gone)), key=lambda run: run[1])
                if longest > LONGEST_FILLED:
                    raise too_long_to_fill(track.file, longest, track.line(inner.start + first))
                at = np.arange(len(column))
                column[gone] = np.interp(at[gone], at[~gone], column[~gone])
                filled += int(gone.sum())
        segments.append((inner.start, inner.stop))
    return segments, filled


def too_long_to_fill(file: InputFile, count: int, line: int) -> Exception:
    """Return the refusal of a run of missing cells that is too long to interpolate."""
    expected = f"at most {LONGEST_FILLED} to interpolate"
    return file.refusal(f"{count} missing cells in a row", line=line, expected=expected, fix={"missing": "split"})


def _recordings(track: Track, grid: Grid | None, segments: list[tuple[int, int]]) -> list[Recording]:
    """Return one recording for each segment."""
    rate_hz, block_starts = track.file.options.rate_hz, _block_starts(track)
    recordings = []
    for start, stop in segments:
        if track.t is not None:
            time = _axis(track, grid, start, stop)
        else:
            inside = start if block_starts is None else start - int(block_starts[start])
            time = TimeAxis("samples", inside, 1)
            if rate_hz is not None:
                time = TimeAxis("seconds", inside / rate_hz, 1 / rate_hz)
        recordings.append(Recording(track.values[start:stop], time, track.line(start)))
    return recordings


def _block_starts(track: Track) -> NDArray[np.int64] | None:
    """Return for each row (T,) the first row of its block."""
    if track.block is None:
        return None
    starts = np.concatenate([[0], np.flatnonzero(np.diff(track.block)) + 1])
    return np.repeat(starts, np.diff(np.append(starts, len(track.block))))


def _axis(track: Track, grid: Grid | None, start: int, stop: int) -> TimeAxis:
    """Return the axis of rows [start, stop): from its first stamp, and with jitter on to its last."""
    first, count = track.t[start], stop - start
    kind, offset = track.kind, track.stamps.utc_offset if track.stamps else ""
    zone = track.stamps.zone if track.stamps else ""
    are_whole = track.t.dtype.kind in "iu"
    if grid is None:
        return TimeAxis(kind, first.item(), 1, offset, zone=zone)
    step = grid.mean
    if grid.calendar is None and grid.jitter > 0 and count > 1:
        step = float(track.t[stop - 1] - first) / (count - 1)
    if are_whole and grid.jitter == 0 and step == int(step):
        step = int(step)
    # Seconds lose the noise of binary fractions; epochs need all their digits.
    begin = first.item() if are_whole or kind == "epoch-s" else float(f"{first:.15g}")
    return TimeAxis(kind, begin, step, offset, grid.calendar, zone)


# Future covariates: rows after the last measured one, in which the targets are empty and the plan stands.


def _refuse_early_future(track: Track) -> None:
    """Raise RefusalError if a row of future covariates is not later than all that was measured in its block."""
    if not track.ahead:
        return
    first = len(track.values) - track.ahead
    same_block = slice(None) if track.block is None else track.block[:first] == track.block[first]
    measured = track.t[:first][same_block]
    if len(measured) and track.t[first:].min() <= measured.max():
        problem = f"{track.show(first)} has known values alone, and is not later than all measured rows"
        raise track.refusal(problem, first, expected=GOES_ON)


def _take_future(track: Track, grid: Grid | None, notes: list[str]) -> NDArray[np.float64] | None:
    """Take the rows of future covariates off `track` and `grid`; return them (F, .), None where there are none.

    Raises RefusalError where a cut parts the future from what was measured.
    """
    if not track.ahead:
        return None
    roles = track.file.roles
    # Count again: rows were put into gaps, or sorted.
    first = len(track.values) - trailing_rows(list(track.values[:, : len(roles.targets)].T))
    parted = first + np.flatnonzero(_cuts(track, grid)[first - 1 :])
    if len(parted):
        is_gap = grid is not None and grid.gap[parted[0] - 1]
        problem = "known values behind a gap" if is_gap else "known values where another recording begins"
        raise track.refusal(problem, int(parted[0]), expected=GOES_ON)
    columns = track.values[:, -roles.future_covariates :].T
    future = np.stack([_on_a_line(column)[first:] for column in columns], axis=1)
    notes.append(f"{len(future)} rows after the last measured one tell the future of the known columns")
    track.values = track.values[:first]
    track.t = None if track.t is None else track.t[:first]
    track.block = None if track.block is None else track.block[:first]
    if grid is not None:
        grid.gap = grid.gap[: first - 1]
    return future


def _cuts(track: Track, grid: Grid | None) -> NDArray[np.bool_]:
    """Return for each step (T-1,) whether a recording ends before it."""
    return ~track.joint() if grid is None else ~track.joint() | grid.gap


def _on_a_line(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a column whose missing values lie on a line between their neighbours."""
    gone, at = np.isnan(column), np.arange(len(column))
    return np.interp(at, at[~gone], column[~gone]) if gone.any() else column


def _future_from(track: Track, grid: Grid | None, future: NDArray[np.float64], end: int) -> NDArray[np.float64]:
    """Return the future of a recording that ends at row `end`: the known columns from there on, then `future`.

    A recording ends before the last measured row where a channel lacks values at the end. Raises
    RefusalError if the known columns lack them too, or a cut lies between.
    """
    between = track.values[end:, -track.file.roles.future_covariates :]
    if np.isnan(between).any() or _cuts(track, grid)[end - 1 :].any():
        rows = f"{len(between)} row{'' if len(between) == 1 else 's'}"
        problem = f"the last row in which every channel has a value is {rows} before the known values go on"
        raise track.refusal(problem, end, expected=GOES_ON)
    return np.concatenate((between, future))


# Calendar: future covariates that follow from the stamps alone.


def with_calendar(signal: Signal, cycles: Sequence[Cycle]) -> Signal:
    """Return `signal` with the columns of `cycles` behind all others. Raises RefusalError where time is not absolute.

    Steps of more than half a cycle do not show it, and are refused too.
    """
    chosen = tuple(dict.fromkeys(cycles))
    if not chosen:
        return signal
    recordings = []
    for recording in signal.recordings:
        _check_cycles(signal, recording.time, chosen)
        columns = calendar.columns(recording.time, chosen, 0, len(recording))
        recordings.append(replace(recording, values=np.concatenate((recording.values, columns), axis=1)))
    exogenous = (*signal.exogenous, *calendar.names(chosen))
    future_count = signal.known + 2 * len(chosen)
    return replace(signal, recordings=tuple(recordings), exogenous=exogenous, known=future_count, calendar=chosen)


def _check_cycles(signal: Signal, time: TimeAxis, cycles: Sequence[Cycle]) -> None:
    """Raise RefusalError for cycles that a time axis does not show."""
    if not time.is_absolute:
        reason = {"samples": "it has no time", "seconds": "its time is in seconds"}[time.kind]
        problem, expected = f"--calendar {cycles[0]}: {reason}", "stamps with a date, or epochs"
        raise RefusalError(problem, path=signal.path, expected=expected)
    first, second = time.instants(0, 2).tolist()
    step_ns = float(second - first)
    for cycle in cycles:
        if 2 * step_ns > calendar.LENGTH_NS[cycle]:
            problem = f"--calendar {cycle}: a sample every {step_ns / calendar.DAY_NS:.3g} days does not show it"
            longer = " or ".join(name for name, length in calendar.LENGTH_NS.items() if 2 * step_ns <= length)
            raise RefusalError(problem, path=signal.path, expected=longer or "no calendar at such steps")
