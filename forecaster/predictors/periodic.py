"""Ridge in which all phases of a period share their weights: each sample from those whole periods before it.

    y[h] = l + sum over j = 1 .. J of  a[k, j] (x[h - (k + j) P] - l) + b[k, j] (s[h - (k + j) P] - l)

for the samples h = 0, 1, ... ahead, k whole periods P of which lie before h; J periods fit into the
context. l is the mean of the context's last period, and s the mean of a period about each sample, where
l stands for what would lie beyond the context. So there are 2 J weights for each period ahead, where
ridge has L for each sample: the safer choice where a recording is short, or drifts away from what its
training part shows. There is no bias, so it follows any level.

It is one linear map of the context for all channels, and like ridge's it is solved from the moments of
all training windows. The period is one of those that the channels have, the best on validation; without
any, a segment.

Source: Lin et al., "SparseTSF: Modeling Long-term Time Series Forecasting with 1k Parameters" (2024),
who train such a map by gradients; Hoerl and Kennard (1970) for ridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors.base import Array
from forecaster.predictors.gram import Gram
from forecaster.predictors.ridge import ALPHAS, LinearMap, Solution, relative_to
from forecaster.predictors.selection import longest
from forecaster.signal.sinusoids import rhythms
from forecaster.signal.splits import WindowSplits

TEETH = 64
"""Whole periods that it looks back on at most."""
ASKED = 64
"""Channels that name their periods, evenly spread over all."""
NAMED, TRIED = 2, 6
"""Lines, and fundamentals, that a channel names; and periods that are tried of all that are named."""
SAME = 1e-2
"""Two periods that differ by less than this share are taken for one."""


@dataclass(frozen=True)
class Comb:
    """Which of the last L samples of a context each of N samples ahead is made of.

    `period` P (samples, at most L); `cycle` (N,), how many whole periods lie before each; `teeth` (N, J), where in
    the context the samples are that lie whole periods before it, the nearest first; `level` (L,), what makes l.
    """

    period: float
    cycle: NDArray[np.int64]
    teeth: NDArray[np.int64]
    level: Array

    @classmethod
    def of(cls, period: float, taps: int, count: int) -> Self:
        """Lay it out over `taps` samples back and `count` ahead.

        >>> Comb.of(3.0, 7, 4).teeth.tolist()
        [[4, 1], [5, 2], [6, 3], [4, 1]]
        """
        ahead = np.arange(count)
        cycle = np.floor((ahead + 0.5) / period).astype(np.int64)
        back = (cycle[:, None] + 1 + np.arange(min(TEETH, int(taps / period)))) * period
        places = np.clip(np.rint(taps + ahead[:, None] - back), 0, taps - 1).astype(np.int64)
        level, last = np.zeros(taps), min(taps, round(period))
        level[-last:] = 1 / last
        return cls(period, cycle, places, level)

    def smooth(self, values: Array) -> Array:
        """Return the mean of a period about each row of `values` (L, .); beyond its ends there are zeros."""
        reach = int(np.ceil((self.period - 1) / 2))
        padded = np.pad(values, ((reach, reach), (0, 0)))
        total = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
        ends = padded[: len(values)] + padded[2 * reach :]
        inner = total[2 * reach : 2 * reach + len(values)] - total[1 : len(values) + 1]
        mean: Array = (inner + (self.period - 2 * reach + 1) / 2 * ends) / self.period if reach else values
        return mean

    def kernel(self, weights: Array) -> Array:
        """Return the linear map (L, N) that `weights` (K, 2 J) for each period ahead make."""
        taps, teeth = len(self.level), self.teeth.shape[1]
        own = weights[self.cycle]
        plain, smoothed = np.zeros((2, taps, len(self.cycle)))
        columns = np.arange(len(self.cycle))[:, None]
        np.add.at(plain, (self.teeth, columns), own[:, :teeth])
        np.add.at(smoothed, (self.teeth, columns), own[:, teeth:])
        kernel = plain + self.smooth(smoothed)
        kernel += self.level[:, None] * (1 - kernel.sum(axis=0))
        return kernel

    def equations(self, gram: Gram) -> Equations:
        """Return the normal equations of each period ahead by the moments of windows."""
        taps = len(self.level)
        about = relative_to(gram.product[:taps], self.level)
        plain, cross = about[:, :taps], about[:, taps:]
        mixed = self.smooth(plain)
        both, smoothed = self.smooth(mixed.T), self.smooth(cross)
        count, size = int(self.cycle.max()) + 1, 2 * self.teeth.shape[1]
        square, right = np.zeros((count, size, size)), np.zeros((count, size))
        for h, (k, at) in enumerate(zip(self.cycle, self.teeth, strict=True)):
            pairs = np.ix_(at, at)
            across = mixed[pairs]
            square[k] += np.block([[plain[pairs], across.T], [across, both[pairs]]])
            right[k] += np.concatenate((cross[at, h], smoothed[at, h]))
        return Equations(square, right, _squares(gram, self.level))


class Equations(NamedTuple):
    """Sums over windows and the samples of each period ahead.

    `square` (K, 2 J, 2 J) of the products of what they are made of, `right` (K, 2 J) of its products with
    them, and the `total` of their squares, all of them less the level.
    """

    square: Array
    right: Array
    total: float

    def solved(self, alpha: float) -> Array:
        """Return the weights (K, 2 J) that the penalty `alpha` gives."""
        unit = np.eye(self.square.shape[1])
        return np.linalg.solve(self.square + alpha * unit, self.right[..., None])[..., 0].astype(np.float64)

    def error(self, weights: Array) -> float:
        """Return the summed squared error of `weights` (K, 2 J) over the windows."""
        made = np.einsum("ka,kab,kb->", weights, self.square, weights, optimize=True)
        return self.total - 2 * float(np.sum(weights * self.right)) + float(made)


@dataclass(frozen=True)
class PeriodicRidge(LinearMap):
    """Ridge shared by all phases of the period: each sample from those whole periods before it."""

    name: ClassVar[str] = "periodic-ridge"
    label: ClassVar[str] = "the linear model periodic-ridge"
    is_direct: ClassVar[bool] = True

    @classmethod
    def solutions(cls, parts: WindowSplits, taps: int) -> Iterator[Solution]:
        """Yield what each period and penalty gives, best first."""
        return solve(parts, taps, periods(parts, taps))


def solve(parts: WindowSplits, taps: int, tried: Iterable[float]) -> Iterator[Solution]:
    """Yield the solutions for each of the periods `tried` (samples) and penalties, best on validation first."""
    training, judge = Gram.of(parts.training, taps), Gram.of(parts.validation, taps)
    ahead = len(training.total) - taps
    found: list[tuple[float, float, Comb, Array]] = []
    for comb in (Comb.of(period, taps, ahead) for period in tried):
        learned, judged = comb.equations(training), comb.equations(judge)
        for alpha in ALPHAS[::2]:
            weights = learned.solved(alpha)
            found.append((judged.error(weights), alpha, comb, weights))
    for error, alpha, comb, weights in sorted(found, key=lambda one: one[0]):
        yield Solution(error, alpha, True, comb.kernel(weights), np.zeros(ahead))


def periods(parts: WindowSplits, taps: int) -> list[float]:
    """Return the periods to be tried (samples), those that most channels name first; without any, a segment."""
    asked = np.unique(np.linspace(0, parts.channels - 1, ASKED).astype(np.int64)).tolist()
    named: dict[float, dict[int, float]] = {}  # what the first called it: what each channel calls it
    for channel in asked:
        for f in (f for found in rhythms(longest(parts, channel), taps, parts.channels) for f in found[:NAMED]):
            known = next((one for one in named if abs(1 / f / one - 1) <= SAME), 1 / f)
            named.setdefault(known, {})[channel] = 1 / f
    ranked = sorted((one for one in named if one <= taps / 2), key=lambda one: -len(named[one]))[:TRIED]
    kept = [_whole(float(np.median(list(named[one].values()))), taps) for one in ranked]
    return kept or [float(min(taps, parts.window.n_input))]


def _whole(period: float, taps: int) -> float:
    """Return the whole number next to `period` where a context cannot tell the two apart."""
    nearest = max(1.0, round(period))
    return nearest if abs(period - nearest) * taps / period < 0.5 else period


def _squares(gram: Gram, level: Array) -> float:
    """Return the sum over windows of the squares of their targets, less the level."""
    taps = len(level)
    across = level @ gram.product[:taps]
    return float((gram.product.diagonal()[taps:] - 2 * across[taps:] + across[:taps] @ level).sum())
