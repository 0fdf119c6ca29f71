"""The future of known columns: rows after the last measured one, in which the targets are empty and the plan stands.

They are read like all others, and go on in the same steps of time. What a recording keeps of
them is `Recording.future`: the known columns after its last row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import careful
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import RefusalError
from forecaster.reading.regular import Grid, show
from forecaster.reading.source import Source
from forecaster.reading.track import Track

GOES_ON = "rows of known values that go on after the last measured one"


def rows(roles: Roles, arrays: Mapping[int, NDArray[Any]]) -> int:
    """Return the number of rows at the end in which no channel to be forecast has a value; 0 without known columns."""
    if not roles.known:
        return 0
    return _trailing([arrays[index] for index in roles.channels[: len(roles.channels) - roles.exogenous]])


def _trailing(targets: list[NDArray[Any]]) -> int:
    """Count the last rows in which all of `targets`, each (T,), are missing."""
    count = len(targets[0])
    for column in targets:
        filled = np.flatnonzero(~np.isnan(column[len(column) - count :]))
        count = count if not len(filled) else count - 1 - int(filled[-1])
    return count


def check(source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, counts: tuple[int, int]) -> None:
    """Raise RefusalError unless each row of the future is whole, and holds a number in every known column.

    `counts` are the measured rows and those of the future.
    """
    measured, ahead = counts
    if not ahead:
        return
    if not measured:
        name = sniffed.names[roles.channels[0]]
        raise RefusalError("no measured value", path=source.path, line=sniffed.first_line, column=name)
    known = replace(roles, channels=roles.channels[len(roles.channels) - roles.known :], counts=())
    strict = options.model_copy(update={"missing": "error"})
    try:
        careful.explain(source, sniffed, known, strict, rows=measured + ahead, skip=measured)
    except RefusalError as refusal:
        advice = "Fill the known columns in each of these rows; the plan may end at any row."
        found = f"{refusal.found}, after the last measured row"
        raise RefusalError(found, advice=advice, **refusal.where) from None


def counted(source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions) -> tuple[int, int]:
    """Count the measured rows and those of the future, line by line, in a file that cannot be read as a whole."""
    targets = roles.channels[: len(roles.channels) - roles.exogenous]
    last = total = sniffed.first_line - 1
    for number, line in enumerate(source.lines(), start=1):
        if not roles.known:
            break
        cells = split_line(line, sniffed.delimiter)
        if number >= sniffed.first_line and line.strip(",; \t"):
            total = number
            filled = any(index >= len(cells) or cells[index] not in ("", *options.na) for index in targets)
            last = number if filled else last
    return last + 1 - sniffed.first_line, total - last


def refuse_early(track: Track) -> None:
    """Raise RefusalError if a row of the future is not later than all that was measured in its block."""
    if not track.ahead:
        return
    first = len(track.values) - track.ahead
    own = slice(None) if track.block is None else track.block[:first] == track.block[first]
    measured = track.t[:first][own]
    if len(measured) and track.t[first:].min() <= measured.max():
        found = f"{show(track, first)} has known values alone, and is not later than all measured rows"
        raise track.refuse(found, first, expected=GOES_ON)


def taken(track: Track, grid: Grid | None, notes: list[str]) -> NDArray[np.float64] | None:
    """Take the rows of the future off `track` and `grid`; return their known columns (F, .), None where there are none.

    Rows that were put into its gaps lie on a line. Raises RefusalError where a cut parts the future
    from what was measured.
    """
    if not track.ahead:
        return None
    targets = track.values.shape[1] - track.exogenous
    first = len(track.values) - _trailing(list(track.values[:, :targets].T))
    cut = ~track.joint() if grid is None else ~track.joint() | grid.gap
    parted = first + np.flatnonzero(cut[first - 1 :])
    if len(parted):
        gap = grid is not None and grid.gap[parted[0] - 1]
        found = "known values behind a gap" if gap else "known values where another recording begins"
        raise track.refuse(found, int(parted[0]), expected=GOES_ON)
    told = np.stack([_filled(column)[first:] for column in track.values[:, -track.known :].T], axis=1)
    notes.append(f"{len(told)} rows after the last measured one tell the future of the known columns")
    track.values = track.values[:first]
    track.t = None if track.t is None else track.t[:first]
    track.block = None if track.block is None else track.block[:first]
    if grid is not None:
        grid.gap = grid.gap[: first - 1]
    return told


def _filled(column: NDArray[np.float64]) -> NDArray[np.float64]:
    gone, at = np.isnan(column), np.arange(len(column))
    return np.interp(at, at[~gone], column[~gone]) if gone.any() else column


def after(track: Track, grid: Grid | None, told: NDArray[np.float64], end: int) -> NDArray[np.float64]:
    """Return the future of a recording that ends at row `end`: the known columns of the rows from there on, and `told`.

    A recording ends before that row where a channel lacks values at the end. Raises RefusalError if
    the known columns do too, or a cut lies between.
    """
    between = track.values[end:, -track.known :]
    cut = ~track.joint() if grid is None else ~track.joint() | grid.gap
    if np.isnan(between).any() or cut[end - 1 :].any():
        rows = f"{len(between)} row{'' if len(between) == 1 else 's'}"
        found = f"the last row in which every channel has a value is {rows} before the known values go on"
        raise track.refuse(found, end, expected=GOES_ON)
    return np.concatenate((between, told))
