"""Origins sampled over a part, and how the forecasts from them compare with what came there.

What chooses (the weights of a combination) and what calibrates (the bands) both look at a part
in this way: many origins for the next segment, fewer for the closed loop, and never at a target
outside the part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.context import Array
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.windows import Windows

Index = NDArray[np.int64]
Made = Callable[[Sequence[Origins], int], Array]
"""origins and horizon -> H steps from each, (O, H)."""
NEAR, FAR = 2000, 200
"""Origins a channel for the next segment, and for the closed loop: as many again with a full horizon behind them."""
MAX_NEAR, MAX_FAR = 40_000, 4000
"""Origins of all channels together."""
FEWEST = 20
"""Origins that the last step of a horizon must have at stride 1."""
ENOUGH = 100
"""Origins that it has of those, if there are as many: a band at 99 percent needs 99."""


@dataclass(frozen=True)
class Sample:
    """Origins of one channel, and the rows of each run between which the part lies: targets outside do not count.

    `runs` has the numbers of the runs.
    """

    runs: tuple[int, ...]
    origins: tuple[Origins, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    horizon: int

    def __len__(self) -> int:
        return sum(len(one) for one in self.origins)

    def truth(self) -> Array:
        """Return what came after each origin, (O, H), NaN outside the part."""
        found = [np.zeros((0, self.horizon))]
        for one, begin, end in zip(self.origins, self.begins, self.ends, strict=True):
            rows = one.rows[:, None] + np.arange(self.horizon)
            values = one.values[np.minimum(rows, len(one.values) - 1)].astype(np.float64)
            found.append(np.where((begin <= rows) & (rows < end), values, np.nan))
        return np.concatenate(found)

    def made(self, forecast: Made) -> Array:
        """Return what `forecast` makes of the origins, (O, H); inf where it ran away."""
        if not self.origins:
            return np.zeros((0, self.horizon))
        return np.nan_to_num(forecast(self.origins, self.horizon), nan=np.inf)

    def without(self, part: Windows) -> Array:
        """Return what came after each origin, (O, H), NaN where it is a target of `part` too."""
        begins, ends = _bounds(part, self.runs)
        within = replace(self, begins=begins, ends=ends).truth()
        return np.where(np.isnan(within), self.truth(), np.nan)


def segments(windows: Windows) -> int:
    """Return how many segments ahead a part can be looked at: one, or so many that enough is left for the last step.

    That is a third of the targets of all recordings, and `FEWEST` origins. At most S.
    """
    window, channel = windows.window, windows.runs.channel
    rows = windows.targets[channel == channel[0]]
    left = [np.maximum(0, rows - j * window.n_input + 1).sum() for j in range(1, window.n_step + 1)]
    return max(1, sum(one >= max(FEWEST, rows.sum() / 3) for one in left))


def near(windows: Windows, channel: int) -> Sample:
    """Return up to `NEAR` origins of a channel, evenly spread, for the next segment."""
    return _sample(windows, channel, _spread(_room(windows, channel, 1), _most_near(windows)), 1)


def far(windows: Windows, channel: int, ahead: int) -> Sample:
    """Return origins of a channel for `ahead` segments: some of all, and some of those with that much behind them."""
    wanted = _most_far(windows)
    room, full = _room(windows, channel, 1), _room(windows, channel, ahead)
    first = np.cumsum(room) - room
    whole = [begin + _spread(np.array([count]), max(1, wanted * count // max(1, full.sum())))
             for begin, count in zip(first, full, strict=True) if count]  # fmt: skip
    return _sample(windows, channel, np.unique(np.concatenate((_spread(room, wanted), *whole))), ahead)


def stretches(parts: Sequence[Windows], channel: int, ahead: int) -> list[Sample]:
    """Return for each of `parts`, one after the other in time, origins of a channel from which it can be reached.

    They lie in any of the parts, and are compared with the targets of their own part alone: so each target counts
    as often at every step, however far ahead that is. They are as dense everywhere as the last step needs them.
    """
    reaching = [_reaching(parts, own, ahead) for own in parts]
    rooms = [_room(one, channel, 1) for one in reaching]
    every = _every(parts, channel, ahead, sum(int(room.sum()) for room in rooms))
    return [
        _sample(one, channel, _spread(room, round(int(room.sum()) / every)), ahead, targets=own)
        for one, own, room in zip(reaching, parts, rooms, strict=True)
    ]


def _every(parts: Sequence[Windows], channel: int, ahead: int, room: int) -> float:
    """Return which of the `room` origins is taken, every second one, say, so that the last step has `ENOUGH`."""
    wanted = _most_near(parts[0]) if ahead == 1 else 2 * _most_far(parts[0])
    own = np.flatnonzero(parts[0].runs.channel == channel)
    targets = np.sum([one.targets[own] for one in parts], axis=0)
    last = int(np.maximum(0, targets - ahead * parts[0].window.n_input + 1).sum())
    enough = max(FEWEST // 2, min(ENOUGH, _most_far(parts[0])))
    return max(1.0, min(room / wanted, last / enough))


def _reaching(parts: Sequence[Windows], own: Windows, ahead: int) -> Windows:
    """Return the windows of all `parts` from whose origins `ahead` segments reach into the targets of `own`."""
    there = [one.count > 0 for one in parts]
    never = np.iinfo(np.int64).max
    earliest = np.min([np.where(some, one.first, never) for one, some in zip(parts, there, strict=True)], axis=0)
    latest = np.max([np.where(some, one.first + one.count, 0) for one, some in zip(parts, there, strict=True)], axis=0)
    first = np.maximum(earliest, own.first - ahead * own.window.n_input + 1)
    end = np.minimum(latest, own.first + own.targets)
    empty = own.count == 0
    return replace(own, first=np.where(empty, own.first, first), count=np.where(empty, 0, end - first))


def _most_near(windows: Windows) -> int:
    return min(NEAR, max(1, MAX_NEAR // (1 + int(windows.runs.channel.max()))))


def _most_far(windows: Windows) -> int:
    return min(FAR, max(1, MAX_FAR // (1 + int(windows.runs.channel.max()))))


def _room(windows: Windows, channel: int, ahead: int) -> Index:
    """Return how many origins of each run of a channel have `ahead` segments behind them within the part."""
    own = _runs(windows, channel)
    return np.maximum(0, windows.count[own] - (ahead - 1) * windows.window.n_input)


def _spread(room: Index, wanted: int) -> Index:
    """Choose up to `wanted` of `room.sum()` places, evenly."""
    total = int(room.sum())
    return np.unique(np.linspace(0, total - 1, min(wanted, total)).astype(np.int64)) if total else np.zeros(0, np.int64)


def _sample(windows: Windows, channel: int, chosen: Index, ahead: int, *, targets: Windows | None = None) -> Sample:
    """Return those origins of a channel whose numbers are `chosen`; `targets` has their part if it is another."""
    own, room = _runs(windows, channel), _room(windows, channel, 1)
    which = np.searchsorted(np.cumsum(room), chosen, side="right")
    place = chosen - (np.cumsum(room) - room)[which]
    rows = place + windows.first[own[which]] + windows.window.context
    used = np.unique(which)
    runs = tuple(own[used].tolist())
    begins, ends = _bounds(windows if targets is None else targets, runs)
    origins = tuple(_at(windows, r, rows[which == k]) for k, r in zip(used, runs, strict=True))
    return Sample(runs, origins, begins, ends, ahead * windows.window.n_input)


def _bounds(part: Windows, runs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the rows at which the targets of `part` begin and end in each of `runs`."""
    begins = part.first[list(runs)] + part.window.context
    return tuple(begins.tolist()), tuple((begins + part.targets[list(runs)]).tolist())


def _at(windows: Windows, r: int, rows: Index) -> Origins:
    """Return origins at `rows` of run r, in scaled units."""
    runs = windows.runs
    values, begin = runs.run(r), int(runs.covariate_start[r])
    targets = runs.targets(r) if windows.window.others else None
    columns = runs.covariates[begin : begin + len(values)]
    return Origins(values, int(runs.channel[r]), rows, Covariates.split(columns, windows.window.known, targets))


def _runs(windows: Windows, channel: int) -> Index:
    """Return the channel's runs that have windows in the part."""
    return np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
