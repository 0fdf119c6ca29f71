"""How far back a forecast looks: the size of its gradient by lag.

    g(lag) = |d (next segment) / d x(lag)|,   the Euclidean norm over the N samples of the forecast

Taken by central differences in double precision, so that it is the same for every predictor:
the forecast is smooth, and with a step of h its error is of order h^2 + 1e-16 / h. A network
sees a whole segment at each step, so all samples of a segment are the same number of recurrent
steps away; `by_step` adds them up.

Source: Bengio, Simard and Frasconi, "Learning Long-Term Dependencies with Gradient Descent is
Difficult" (1994); decks A to E, the vanishing gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors import Predictor
from forecaster.predictors.base import one_blas_thread
from forecaster.signal.context import Context

Array = NDArray[np.float64]
# The step of the differences in scaled units: 1e-8 of curvature error, 1e-12 of rounding.
STEP = 1e-4
# Lags that are moved in one call of the predictor, each up and down.
BLOCK = 125
# The share of the largest norm under which a step no longer counts.
THRESHOLD = 0.01


@dataclass(frozen=True)
class LagGradient:
    """The gradient of a forecast by lag, its root mean square over several windows, in scaled units.

    `by_sample` (L,) is for lag 1, the newest sample, to lag L; `by_step` (S,) is the norm over all samples of a
    segment, from the newest segment to the oldest.
    """

    by_sample: Array
    by_step: Array

    @property
    def reach(self) -> int | None:
        """The first step back (from 1) from which on the norm stays under 1 % of its largest; None if it never does.

        >>> LagGradient(np.ones(3), np.array([1.0, 0.05, 0.001])).reach
        3
        """
        norms = self.by_step
        large = np.flatnonzero(norms >= THRESHOLD * norms.max()) if norms.any() else np.arange(0)
        first = int(large[-1]) + 2 if len(large) else 1
        return first if first <= len(norms) else None

    def to_json(self, n_input: int, sample_rate_hz: float | None) -> dict[str, Any]:
        """Return the gradient as plain data, relative to its largest, with the lag where it is under 1 %."""
        step = self.reach
        place = None
        if step is not None:
            lag = (step - 1) * n_input + 1
            place = {"steps": step, "samples": lag, "seconds": lag / sample_rate_hz if sample_rate_hz else None}
        return {
            "falls_under_1_percent": place,
            "reason": "" if place else "it never falls under 1 % of its largest within the context",
            "largest": float(self.by_step.max()),
            "by_step": _relative(self.by_step),
            "by_sample": _relative(self.by_sample),
        }


def lag_gradient(predictor: Predictor, context: Context) -> LagGradient:
    """Return the gradient of the next segment with respect to the channel's own past, over the windows of `context`.

    A network's weights should be in double precision: `in_double`.
    """
    squares = np.zeros(context.values.shape[1])
    with one_blas_thread():
        for row in range(len(context.values)):
            squares += _squares(predictor, context[row : row + 1])
    newest_first = (squares / len(context.values))[::-1]
    by_step = np.sqrt(newest_first.reshape(predictor.window.n_step, -1).sum(axis=1))
    return LagGradient(np.sqrt(newest_first), by_step)


def _squares(predictor: Predictor, context: Context) -> Array:
    """Return the squared norm (L,) of each column of the Jacobian (N, L) at the one window of `context`."""
    length = context.values.shape[1]
    squares = np.empty(length)
    for begin in range(0, length, BLOCK):
        lags = np.arange(begin, min(begin + BLOCK, length))
        # The window once up and once down for each lag.
        moved = context[np.zeros(2 * len(lags), dtype=np.int64)]
        values = moved.values.copy()
        values[np.arange(len(lags)), lags] += STEP
        values[np.arange(len(lags), 2 * len(lags)), lags] -= STEP
        forecast = predictor.predict(replace(moved, values=values))
        slope = (forecast[: len(lags)] - forecast[len(lags) :]) / (2 * STEP)
        squares[lags] = np.square(slope).sum(axis=1)
    return squares


def _relative(norms: Array) -> list[float]:
    """Return the norms relative to the largest, with four digits."""
    largest = norms.max() or 1.0
    return [float(f"{value:.4g}") for value in (norms / largest).tolist()]
