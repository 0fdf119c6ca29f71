"""Origins sampled over a part of the recordings, and the targets that forecasts from them are compared with.

What chooses (the weights of an ensemble) and what calibrates (the bands) both look at a part in this way: many origins
for the next segment, fewer for recursive ones, and never at a target outside the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecaster.config import Window
from forecaster.signal.context import Array, Index
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import ForecastFn, Origins
from forecaster.signal.scaling import level_and_spread
from forecaster.signal.windows import QUIETEST, Windows

# Origins of a channel for the next segment, and for recursive ones: as many again with a full horizon behind them.
NEAR, FAR = 2000, 200
# Origins of all channels together.
MAX_NEAR, MAX_FAR = 40_000, 4000
# Origins that the last step of a horizon must have at stride 1.
FEWEST = 20
# Origins that it has of those, if there are as many: a band at 99 percent needs 99.
ENOUGH = 100


@dataclass(frozen=True)
class Sample:
    """Origins of one channel. Targets outside the part do not count.

    Attributes:
        runs: The numbers of the runs that the origins lie in.
        origins: Those of each run.
        begins: The row of each run at which the part's targets begin.
        ends: The row at which they end.
        horizon: Steps ahead.
    """

    runs: tuple[int, ...]
    origins: tuple[Origins, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    horizon: int

    def __len__(self) -> int:
        return sum(len(places) for places in self.origins)

    def y_true(self) -> Array:
        """Return the targets of each origin, (O, H), NaN outside the part."""
        targets = [np.zeros((0, self.horizon))]
        for places, begin, end in zip(self.origins, self.begins, self.ends, strict=True):
            rows = places.rows[:, None] + np.arange(self.horizon)
            values = places.values[np.minimum(rows, len(places.values) - 1)].astype(np.float64)
            targets.append(np.where((begin <= rows) & (rows < end), values, np.nan))
        return np.concatenate(targets)

    def spreads(self, window: Window) -> Array:
        """Return the unit in which the errors from each origin count, (O, 1): 1, or its context's spread."""
        return np.concatenate([np.ones((0, 1)), *(spreads(places, window) for places in self.origins)])

    def forecasts(self, forecast_fn: ForecastFn) -> Array:
        """Return the forecasts from the origins, (O, H); inf where one is not finite."""
        if not self.origins:
            return np.zeros((0, self.horizon))
        return np.nan_to_num(forecast_fn(self.origins, self.horizon), nan=np.inf)

    def y_true_without(self, fold: Windows) -> Array:
        """Return the targets of each origin, (O, H), NaN where it is a target of `fold` too."""
        begins, ends = _bounds(fold, self.runs)
        within = replace(self, begins=begins, ends=ends).y_true()
        return np.where(np.isnan(within), self.y_true(), np.nan)


def spreads(origins: Origins, window: Window) -> Array:
    """Return the spread (O, 1) of each origin's context if windows are normalised, no less than counts; else 1."""
    if not window.normalised:
        return np.ones((len(origins), 1))
    return level_and_spread(origins.context(window).values, QUIETEST)[1]


def segments(windows: Windows) -> int:
    """Return how many segments ahead a part can be looked at.

    It is one, or as many as leave the last step a third of all targets and at least `FEWEST` origins; at most S.
    """
    window, channel = windows.window, windows.runs.channel
    rows = windows.targets[channel == channel[0]]
    left = [np.maximum(0, rows - j * window.n_input + 1).sum() for j in range(1, window.n_step + 1)]
    return max(1, sum(count >= max(FEWEST, rows.sum() / 3) for count in left))


def near(windows: Windows, channel: int) -> Sample:
    """Return up to `NEAR` origins of a channel, evenly spread, for the next segment."""
    return _sample(windows, channel, _spread(_room(windows, channel, 1), _most(windows, NEAR, MAX_NEAR)), 1)


def far(windows: Windows, channel: int, ahead: int) -> Sample:
    """Return some of all origins of a channel, and some of those that have `ahead` segments of targets behind them."""
    most = _most(windows, FAR, MAX_FAR)
    room, full = _room(windows, channel, 1), _room(windows, channel, ahead)
    first = np.cumsum(room) - room
    with_full_horizon = [
        begin + _spread(np.array([count]), max(1, most * count // max(1, full.sum())))
        for begin, count in zip(first, full, strict=True)
        if count
    ]
    return _sample(windows, channel, np.unique(np.concatenate((_spread(room, most), *with_full_horizon))), ahead)


def of_folds(folds: Sequence[Windows], channel: int, ahead: int) -> list[Sample]:
    """Return for each of `folds`, which follow each other in time, origins of a channel that reach into it.

    They lie in any of the folds, and are compared with the targets of their own fold alone: so each target counts as
    often at every step, however far ahead that is. They are spaced so that the last step has enough of them; all steps
    use this spacing.
    """
    reaching = [_reaching(folds, fold, ahead) for fold in folds]
    rooms = [_room(windows, channel, 1) for windows in reaching]
    every = _every(folds, channel, ahead, sum(int(room.sum()) for room in rooms))
    return [
        _sample(windows, channel, _spread(room, round(int(room.sum()) / every)), ahead, targets=fold)
        for windows, fold, room in zip(reaching, folds, rooms, strict=True)
    ]


def _every(folds: Sequence[Windows], channel: int, ahead: int, room: int) -> float:
    """Return k so that every k-th of the `room` origins leaves the last step `ENOUGH` of them."""
    most_far = _most(folds[0], FAR, MAX_FAR)
    most = _most(folds[0], NEAR, MAX_NEAR) if ahead == 1 else 2 * most_far
    runs = np.flatnonzero(folds[0].runs.channel == channel)
    targets = np.sum([fold.targets[runs] for fold in folds], axis=0)
    last = int(np.maximum(0, targets - ahead * folds[0].window.n_input + 1).sum())
    enough = max(FEWEST // 2, min(ENOUGH, most_far))
    return max(1.0, min(room / most, last / enough))


def _reaching(folds: Sequence[Windows], fold: Windows, ahead: int) -> Windows:
    """Return the windows of all `folds` from whose origins `ahead` segments reach into the targets of `fold`."""
    has_windows = [windows.count > 0 for windows in folds]
    never = np.iinfo(np.int64).max
    begins = [np.where(has, windows.first, never) for windows, has in zip(folds, has_windows, strict=True)]
    ends = [np.where(has, windows.first + windows.count, 0) for windows, has in zip(folds, has_windows, strict=True)]
    first = np.maximum(np.min(begins, axis=0), fold.first - ahead * fold.window.n_input + 1)
    end = np.minimum(np.max(ends, axis=0), fold.first + fold.targets)
    empty = fold.count == 0
    return replace(fold, first=np.where(empty, fold.first, first), count=np.where(empty, 0, end - first))


def _most(windows: Windows, a_channel: int, of_all: int) -> int:
    """Return how many origins of a channel are looked at: `a_channel`, or fewer where there are many channels."""
    return min(a_channel, max(1, of_all // windows.runs.channels))


def _room(windows: Windows, channel: int, ahead: int) -> Index:
    """Return how many origins of each run of a channel have `ahead` segments behind them within the part."""
    return np.maximum(0, windows.count[_runs(windows, channel)] - (ahead - 1) * windows.window.n_input)


def _spread(room: Index, most: int) -> Index:
    """Return up to `most` of `room.sum()` places, evenly spread."""
    total = int(room.sum())
    return np.unique(np.linspace(0, total - 1, min(most, total)).astype(np.int64)) if total else np.zeros(0, np.int64)


def _sample(windows: Windows, channel: int, chosen: Index, ahead: int, *, targets: Windows | None = None) -> Sample:
    """Return those origins of a channel whose numbers are `chosen`; `targets` has their part if it is another."""
    channel_runs, room = _runs(windows, channel), _room(windows, channel, 1)
    which = np.searchsorted(np.cumsum(room), chosen, side="right")
    place = chosen - (np.cumsum(room) - room)[which]
    rows = place + windows.first[channel_runs[which]] + windows.window.context
    used = np.unique(which)
    runs = tuple(channel_runs[used].tolist())
    begins, ends = _bounds(windows if targets is None else targets, runs)
    origins = tuple(_origins(windows, run, rows[which == k]) for k, run in zip(used, runs, strict=True))
    return Sample(runs, origins, begins, ends, ahead * windows.window.n_input)


def _bounds(part: Windows, runs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the rows at which the targets of `part` begin and end in each of `runs`."""
    begins = part.first[list(runs)] + part.window.context
    return tuple(begins.tolist()), tuple((begins + part.targets[list(runs)]).tolist())


def _origins(windows: Windows, run: int, rows: Index) -> Origins:
    """Return origins at `rows` of a run, in scaled units."""
    runs = windows.runs
    values, begin = runs.run(run), int(runs.covariate_start[run])
    targets = runs.targets(run) if windows.window.others else None
    columns = runs.covariates[begin : begin + len(values)]
    return Origins(values, int(runs.channel[run]), rows, Covariates.split(columns, windows.window.known, targets))


def _runs(windows: Windows, channel: int) -> Index:
    """Return the channel's runs that have windows in the part."""
    return np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
