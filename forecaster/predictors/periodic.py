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
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors.base import Array
from forecaster.predictors.fitting import Gram, longest_stretch
from forecaster.predictors.ridge import ALPHAS, LinearMap, Solution, relative_to
from forecaster.signal.spectrum import rhythms
from forecaster.signal.windows import WindowSplits

# Whole periods that it looks back on at most.
MAX_PERIODS_BACK = 64
# Channels whose periods are looked for, evenly spread over all.
MAX_CHANNELS = 64
# Sinusoids, and fundamentals, that a channel proposes; and periods that are tried of all that are proposed.
PROPOSED, TRIED = 2, 6
# Two periods that differ by at most this share are taken for one.
SAME_PERIOD = 1e-2


class PeriodicRidge(LinearMap):
    """Ridge shared by all phases of the period: each sample from those whole periods before it."""

    name = "periodic-ridge"
    label = "the linear model periodic-ridge"
    is_direct = True

    @classmethod
    def solutions(cls, splits: WindowSplits, taps: int) -> Iterator[Solution]:
        """Yield what each period and penalty gives, best on validation first."""
        return solve(splits, taps, periods(splits, taps))


def solve(splits: WindowSplits, taps: int, candidates: Iterable[float]) -> Iterator[Solution]:
    """Yield the solutions for each of the `candidates` for the period (samples) and each penalty, best first."""
    training, validation = Gram.of(splits.training, taps), Gram.of(splits.validation, taps)
    ahead = len(training.total) - taps
    fitted: list[tuple[float, float, Comb, Array]] = []
    for comb in (Comb.of(period, taps, ahead) for period in candidates):
        equations, validation_equations = comb.equations(training), comb.equations(validation)
        for alpha in ALPHAS[::2]:
            weights = equations.solved(alpha)
            fitted.append((validation_equations.error(weights), alpha, comb, weights))
    # The maps themselves are large, so each is made when it is asked for.
    for error, alpha, comb, weights in sorted(fitted, key=lambda candidate: candidate[0]):
        yield Solution(error, alpha, True, comb.kernel(weights), np.zeros(ahead))


def periods(splits: WindowSplits, taps: int) -> list[float]:
    """Return the periods to be tried (samples), those that most channels propose first.

    Where no channel proposes one, a segment is tried.
    """
    channels = np.unique(np.linspace(0, splits.channels - 1, MAX_CHANNELS).astype(np.int64)).tolist()
    # A period as it was first proposed -> the channels that propose it, and the period as each of them has it.
    proposed: dict[float, dict[int, float]] = {}
    for channel in channels:
        sinusoids, fundamentals = rhythms(longest_stretch(splits, channel), taps, splits.channels)
        for frequency in (*sinusoids[:PROPOSED], *fundamentals[:PROPOSED]):
            period = 1 / frequency
            first = next((p for p in proposed if abs(1 / frequency / p - 1) <= SAME_PERIOD), period)
            proposed.setdefault(first, {})[channel] = period
    within = (period for period in proposed if period <= taps / 2)
    ranked = sorted(within, key=lambda period: -len(proposed[period]))[:TRIED]
    medians = [float(np.median(list(proposed[period].values()))) for period in ranked]
    return [_rounded(period, taps) for period in medians] or [float(min(taps, splits.window.n_input))]


def _rounded(period: float, taps: int) -> float:
    """Return the whole number nearest to `period` if a context cannot tell the two apart, else `period`."""
    nearest = max(1.0, round(period))
    return nearest if abs(period - nearest) * taps / period < 0.5 else period


@dataclass(frozen=True)
class Comb:
    """Which of the last L samples of a context each of N samples ahead is made of.

    Attributes:
        period: P (samples, at most L).
        cycle: (N,), how many whole periods lie before each sample.
        teeth: (N, J), where in the context the samples are that lie whole periods before each, the nearest first.
        level: (L,), the weights of l.
    """

    period: float
    cycle: NDArray[np.int64]
    teeth: NDArray[np.int64]
    level: Array

    @classmethod
    def of(cls, period: float, taps: int, count: int) -> Self:
        """Return the comb over `taps` samples back and `count` ahead.

        >>> Comb.of(3.0, 7, 4).teeth.tolist()
        [[4, 1], [5, 2], [6, 3], [4, 1]]
        """
        ahead = np.arange(count)
        cycle = np.floor((ahead + 0.5) / period).astype(np.int64)
        back = (cycle[:, None] + 1 + np.arange(min(MAX_PERIODS_BACK, int(taps / period)))) * period
        teeth = np.clip(np.rint(taps + ahead[:, None] - back), 0, taps - 1).astype(np.int64)
        level, last = np.zeros(taps), min(taps, round(period))
        level[-last:] = 1 / last
        return cls(period, cycle, teeth, level)

    def smooth(self, values: Array) -> Array:
        """Return the mean of a period about each row of `values` (L, .); beyond its ends there are zeros."""
        reach = int(np.ceil((self.period - 1) / 2))
        if not reach:
            return values
        padded = np.pad(values, ((reach, reach), (0, 0)))
        total = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
        # The rows at both ends count by the part of them that a period of any length covers.
        ends = padded[: len(values)] + padded[2 * reach :]
        inner = total[2 * reach : 2 * reach + len(values)] - total[1 : len(values) + 1]
        mean: Array = (inner + (self.period - 2 * reach + 1) / 2 * ends) / self.period
        return mean

    def kernel(self, weights: Array) -> Array:
        """Return the linear map (L, N) that `weights` (K, 2 J) for each period ahead make."""
        taps, n_teeth = len(self.level), self.teeth.shape[1]
        weights = weights[self.cycle]
        plain, smoothed = np.zeros((2, taps, len(self.cycle)))
        columns = np.arange(len(self.cycle))[:, None]
        np.add.at(plain, (self.teeth, columns), weights[:, :n_teeth])
        np.add.at(smoothed, (self.teeth, columns), weights[:, n_teeth:])
        kernel = plain + self.smooth(smoothed)
        # The level gets the rest of each column, so that a column's weights sum to 1.
        kernel += self.level[:, None] * (1 - kernel.sum(axis=0))
        return kernel

    def equations(self, gram: Gram) -> Equations:
        """Return the normal equations of each period ahead by the moments of windows."""
        taps = len(self.level)
        moments = relative_to(gram.product[:taps], self.level)
        plain, cross = moments[:, :taps], moments[:, taps:]
        mixed = self.smooth(plain)
        both, smoothed = self.smooth(mixed.T), self.smooth(cross)
        count, size = int(self.cycle.max()) + 1, 2 * self.teeth.shape[1]
        square, right = np.zeros((count, size, size)), np.zeros((count, size))
        for h, (k, teeth) in enumerate(zip(self.cycle, self.teeth, strict=True)):
            pairs = np.ix_(teeth, teeth)
            across = mixed[pairs]
            square[k] += np.block([[plain[pairs], across.T], [across, both[pairs]]])
            right[k] += np.concatenate((cross[teeth, h], smoothed[teeth, h]))
        level_cross = self.level @ gram.product[:taps]
        targets = gram.product.diagonal()[taps:] - 2 * level_cross[taps:] + level_cross[:taps] @ self.level
        return Equations(square, right, float(targets.sum()))


class Equations(NamedTuple):
    """Sums over windows and the samples of each period ahead, from all of which the level is subtracted.

    `square` (K, 2 J, 2 J) has the products of the samples that the forecast is made of, `right` (K, 2 J) their
    products with the targets, `total` the sum of the targets' squares.
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
        square = np.einsum("ka,kab,kb->", weights, self.square, weights, optimize=True)
        return self.total - 2 * float(np.sum(weights * self.right)) + float(square)
