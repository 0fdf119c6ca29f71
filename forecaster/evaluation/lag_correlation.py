"""Does a forecast look like the truth, or like the past? A forecast that is a shifted copy is named.

The forecast of step h is correlated with the truth k samples before it, pooled over origins and
steps: k = 0 is the truth itself, larger lags are what had been, or would have been, known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.metrics import Score

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
LONGEST = 1 << 14
"""Lags looked at: at most these."""
ORIGINS = 1024
"""Origins looked at: at most these, evenly spread."""
COPY = 0.9
"""A copy's correlation with the past is at least this ..."""
CLEARLY = 4
"""... and what is missing to 1 is less than this part of what its correlation with the truth misses."""
EQUAL = 1e-6
"""Correlations nearer than this are equal: the shortest lag wins."""


@dataclass
class Past:
    """The truth before and after the origins that are looked at, summed.

    `lags` K; `every` how many origins one looked at stands for. `total` and `square` (K + H,) are sums
    over origins by place, `pivot` what is subtracted from all values, `count` the origins.
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
    def of(cls, context: int, horizon: int, origins: int) -> Past:
        """Look back on at most the `context`, from `origins` or some of them."""
        return cls(min(context, LONGEST), horizon, max(1, -(-origins // ORIGINS)))

    @property
    def size(self) -> int:
        """Length of the transforms: nothing that is needed wraps around."""
        from scipy.fft import next_fast_len

        return int(next_fast_len(self.lags + self.horizon, real=True))

    def add(self, values: NDArray[np.floating], rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], Complex]:
        """Add origins of a channel `values` (T,) with first targets `rows`; return those looked at, their transform."""
        chosen = np.flatnonzero((self.seen + np.arange(len(rows))) % self.every == 0)
        self.seen += len(rows)
        around = values[rows[chosen, None] + np.arange(-self.lags, self.horizon)].astype(np.float64)
        if self.pivot is None and around.size:
            self.pivot = float(around.mean())
        with np.errstate(all="ignore"):
            around -= self.pivot or 0.0
            self.total = around.sum(axis=0) + (self.total if self.total.size else 0.0)
            self.square = np.square(around).sum(axis=0) + (self.square if self.square.size else 0.0)
            self.count += len(chosen)
            return chosen, np.fft.rfft(around, self.size)


@dataclass
class LagCorrelation:
    """The correlation of one predictor's forecasts with the truth at every lag, from sums."""

    cross: Complex = field(default_factory=lambda: np.zeros(0, complex))
    total: float = 0.0
    square: float = 0.0

    def add(self, past: Past, forecast: Array, transform: Complex) -> None:
        """Add the forecasts (B, H) of origins whose truth has the `transform` (B, F)."""
        with np.errstate(all="ignore"):
            about = forecast - (past.pivot or 0.0)
            cross = np.einsum("bf,bf->f", np.conj(np.fft.rfft(about, past.size)), transform)
            self.cross = cross + (self.cross if self.cross.size else 0.0)
            self.total += float(about.sum())
            self.square += float(np.square(about).sum())

    def correlations(self, past: Past) -> Array:
        """Return the correlation at the lags 0 .. K, NaN where one of both does not change."""
        with np.errstate(all="ignore"):
            products = np.fft.irfft(self.cross, past.size)[past.lags :: -1]
            sums = [np.concatenate(([0.0], np.cumsum(one))) for one in (past.total, past.square)]
            begin = np.arange(past.lags, -1, -1)
            total, square = (one[begin + past.horizon] - one[begin] for one in sums)
            n = past.count * past.horizon
            own, theirs = _spread(self.total / n, self.square / n), _spread(total / n, square / n)
            found: Array = (products / n - self.total / n * total / n) / np.sqrt(own * theirs)
        return np.where(np.isfinite(found), np.clip(found, -1, 1), np.nan)

    def found(self, past: Past) -> dict[str, Any] | Score:
        """Return the lag with the highest correlation, both correlations, and the lag of a copy or None.

        A Score with the reason where there is nothing to compare.
        """
        if not past.count:
            return Score(None, "nothing was scored")
        alike = self.correlations(past)
        before = alike[1:]
        if np.isnan(alike[0]) or np.isnan(before).all():
            return Score(None, "the forecasts or the scored values do not change")
        lag = int(np.argmax(before >= np.nanmax(before) - EQUAL)) + 1
        best, now = float(alike[lag]), float(alike[0])
        copied = best >= COPY and (1 - best) * CLEARLY < 1 - now - EQUAL
        return {"lag": lag, "past": best, "truth": now, "lag_copy": lag if copied else None}


def _spread(mean: Any, square: Any) -> Any:
    """Return the variance, NaN where it is only rounding."""
    variance = square - np.square(mean)
    return np.where(variance > 1e-12 * square, variance, np.nan)
