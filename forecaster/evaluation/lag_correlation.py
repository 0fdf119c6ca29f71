"""Lag correlation: does a forecast resemble what came, or what had been before? A copy of the past is named.

The forecast of step h is correlated with the signal k samples before its target, pooled over origins and steps:
lag k = 0 is the target itself, larger lags are what was known, or nearly known, when the forecast was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

# At most so many lags and origins (evenly spread) are looked at: the effort of a long evaluation stays bounded.
MAX_LAGS = 1 << 14
MAX_ORIGINS = 1024
# A copy correlates with the past at least this much ...
COPY = 0.9
# ... and misses less than a fourth of what its correlation with the target misses to 1.
CLEARLY = 4
# Correlations nearer than this are equal, and the shortest lag wins.
EQUAL = 1e-6


@dataclass(frozen=True)
class LagCorrelation:
    """The `lag` at which the forecasts resemble the past most, in samples.

    `past` is the correlation there, `target` that with the target; `lag_copy` is the lag if the forecasts are a copy.
    """

    lag: int
    past: float
    target: float
    lag_copy: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {"lag": self.lag, "past": self.past, "truth": self.target, "lag_copy": self.lag_copy}


@dataclass
class LaggedTargets:
    """The signal from K samples before each origin to its last target, summed over the origins looked at.

    `lags` is K; one of `every` origins is looked at. `total` and `square` (K + H,) are sums over origins by place,
    about `pivot`; `count` is the number of origins looked at, `seen` that of all.
    """

    lags: int
    horizon: int
    every: int = 1
    seen: int = 0
    count: int = 0
    pivot: float | None = None
    total: Array = field(default_factory=lambda: np.zeros(0))
    square: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, context: int, horizon: int, origins: int) -> LaggedTargets:
        """Return empty sums that look back on at most the `context`, from some of `origins`."""
        return cls(min(context, MAX_LAGS), horizon, max(1, -(-origins // MAX_ORIGINS)))

    @property
    def size(self) -> int:
        """The length of the transforms: no lag that is needed wraps around."""
        from scipy.fft import next_fast_len

        return int(next_fast_len(self.lags + self.horizon, real=True))

    def add(self, values: NDArray[np.floating], rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], Complex]:
        """Add a block of origins whose first targets are `rows` (B,) of a channel `values` (T,).

        Returns the places in the block of the origins looked at, and the transform of their surroundings, a row each.
        """
        places = np.flatnonzero((self.seen + np.arange(len(rows))) % self.every == 0)
        self.seen += len(rows)
        around = values[rows[places, None] + np.arange(-self.lags, self.horizon)].astype(np.float64)
        # Without a pivot near the signal's level its offset would use up the digits of the squares.
        if self.pivot is None and around.size:
            self.pivot = float(around.mean())
        with np.errstate(all="ignore"):
            around -= self.pivot or 0.0
            self.total = around.sum(axis=0) + (self.total if self.total.size else 0.0)
            self.square = np.square(around).sum(axis=0) + (self.square if self.square.size else 0.0)
            self.count += len(places)
            return places, np.fft.rfft(around, self.size)


@dataclass
class LagCorrelationSums:
    """What is summed of one predictor's forecasts for its correlation with the signal at every lag."""

    cross: Complex = field(default_factory=lambda: np.zeros(0, complex))
    total: float = 0.0
    square: float = 0.0

    def add(self, lagged: LaggedTargets, y_hat: Array, transform: Complex) -> None:
        """Add the forecasts (B, H) of origins whose surroundings have the `transform` (B, .)."""
        with np.errstate(all="ignore"):
            centred = y_hat - (lagged.pivot or 0.0)
            cross = np.einsum("bf,bf->f", np.conj(np.fft.rfft(centred, lagged.size)), transform)
            self.cross = cross + (self.cross if self.cross.size else 0.0)
            self.total += float(centred.sum())
            self.square += float(np.square(centred).sum())

    def correlations(self, lagged: LaggedTargets) -> Array:
        """Return the correlation at the lags 0 to K, (K + 1,), NaN where forecast or signal does not change."""
        with np.errstate(all="ignore"):
            products = np.fft.irfft(self.cross, lagged.size)[lagged.lags :: -1]
            # The targets at lag k are the H places that begin k before those of lag 0: differences of running sums.
            total_until, square_until = (
                np.concatenate(([0.0], np.cumsum(sums))) for sums in (lagged.total, lagged.square)
            )
            begin = np.arange(lagged.lags, -1, -1)
            total, square = (until[begin + lagged.horizon] - until[begin] for until in (total_until, square_until))
            n = lagged.count * lagged.horizon
            variance = _variance(self.total / n, self.square / n)
            correlations: Array = (products / n - self.total / n * total / n) / np.sqrt(
                variance * _variance(total / n, square / n)
            )
        return np.where(np.isfinite(correlations), np.clip(correlations, -1, 1), np.nan)

    def result(self, lagged: LaggedTargets) -> tuple[LagCorrelation | None, str]:
        """Return the lag of the highest correlation with the past, or None and the reason why there is none."""
        if not lagged.count:
            return None, "nothing was scored"
        correlations = self.correlations(lagged)
        with_target, with_past = float(correlations[0]), correlations[1:]
        if np.isnan(with_target) or np.isnan(with_past).all():
            return None, "the forecasts or the scored values do not change"
        lag = int(np.argmax(with_past >= np.nanmax(with_past) - EQUAL)) + 1
        highest = float(correlations[lag])
        copied = highest >= COPY and (1 - highest) * CLEARLY < 1 - with_target - EQUAL
        return LagCorrelation(lag, highest, with_target, lag if copied else None), ""


def _variance(mean: Any, mean_square: Any) -> Any:
    """Return the variance, NaN where it is only rounding."""
    variance = mean_square - np.square(mean)
    return np.where(variance > 1e-12 * mean_square, variance, np.nan)
