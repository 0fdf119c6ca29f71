"""Cut rows into recordings at blocks, gaps and missing cells; fill short runs of those if asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.refusal import RefusalError
from forecaster.reading.regular import LONGEST_FILLED, Grid
from forecaster.reading.track import Track
from forecaster.signal.signal import Recording
from forecaster.signal.time_axis import TimeAxis


def segments(track: Track, gap: NDArray[np.bool_] | None, options: ReadingOptions) -> tuple[list[tuple[int, int]], int]:
    """Cut the rows into [start, stop) at blocks, gaps and missing cells; fill short runs of those if asked.

    Returns the segments and the number of cells filled.
    """
    length = len(track.values)
    holed = any(np.isnan(column.min()) for column in track.values.T) if length else False
    if not holed and track.block is None and (gap is None or not gap.any()):
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
    if options.missing == "interpolate":
        return _filled(track, pairs, holes)
    return [piece for pair in pairs for piece in _whole_pieces(holes, pair)], 0


def _whole_pieces(holes: NDArray[np.bool_], pair: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the runs without holes within one segment."""
    start, stop = pair
    edges = np.diff(np.concatenate([[0], (~holes[start:stop]).astype(np.int8), [0]]))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(start + int(a), start + int(b)) for a, b in zip(firsts, lasts, strict=True)]


def _filled(track: Track, pairs: list[tuple[int, int]], holes: NDArray[np.bool_]) -> tuple[list[tuple[int, int]], int]:
    """Interpolate short runs of missing cells linearly; rows with holes at the ends are left out."""
    track.values = track.values.copy()
    result, filled = [], 0
    for start, stop in pairs:
        pieces = _whole_pieces(holes, (start, stop))
        if not pieces:
            continue
        inner = slice(pieces[0][0], pieces[-1][1])
        for channel in range(track.values.shape[1]):
            column = track.values[inner, channel]
            gone = np.isnan(column)
            if gone.any():
                _refuse_long(track, gone, inner.start)
                at = np.arange(len(column))
                column[gone] = np.interp(at[gone], at[~gone], column[~gone])
                filled += int(gone.sum())
        result.append((inner.start, inner.stop))
    return result, filled


def _refuse_long(track: Track, gone: NDArray[np.bool_], start: int) -> None:
    edges = np.diff(np.concatenate([[0], gone.astype(np.int8), [0]]))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    worst = int(np.argmax(lasts - firsts))
    if lasts[worst] - firsts[worst] > LONGEST_FILLED:
        raise RefusalError(
            f"{lasts[worst] - firsts[worst]} missing cells in a row",
            path=track.path,
            line=track.line(start + int(firsts[worst])),
            expected=f"at most {LONGEST_FILLED} to interpolate",
            fix={"missing": "split"},
        )


def axis(track: Track, found: Grid | None, start: int, stop: int) -> TimeAxis:
    """Return the axis of rows [start, stop): from its first stamp, and with jitter on to its last."""
    first, count = track.t[start], stop - start
    kind, offset = track.kind, track.stamps.utc_offset if track.stamps else ""
    whole = track.t.dtype.kind in "iu"
    if found is None:
        return TimeAxis(kind, first.item(), 1, offset)
    step = found.mean
    if found.calendar is None and found.jitter > 0 and count > 1:
        step = float(track.t[stop - 1] - first) / (count - 1)
    if whole and found.jitter == 0 and step == int(step):
        step = int(step)
    begin = first.item() if whole else float(f"{first:.15g}")
    return TimeAxis(kind, begin, step, offset, found.calendar)


def recordings(
    track: Track, found: Grid | None, pairs: list[tuple[int, int]], options: ReadingOptions
) -> list[Recording]:
    """Return one Recording a segment."""
    block_start = _block_starts(track)
    result = []
    for start, stop in pairs:
        if track.t is not None:
            time = axis(track, found, start, stop)
        else:
            inside = start if block_start is None else start - int(block_start[start])
            rate = options.rate_hz
            time = TimeAxis("samples", inside, 1) if rate is None else TimeAxis("seconds", inside / rate, 1 / rate)
        result.append(Recording(track.values[start:stop], time, track.line(start)))
    return result


def _block_starts(track: Track) -> NDArray[np.int64] | None:
    """Return for each row the first row of its block."""
    if track.block is None:
        return None
    starts = np.concatenate([[0], np.flatnonzero(np.diff(track.block)) + 1])
    return np.repeat(starts, np.diff(np.append(starts, len(track.block))))
