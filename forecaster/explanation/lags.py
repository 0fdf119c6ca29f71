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
from forecaster.predictors.threads import one_blas_thread
from forecaster.signal.context import Context

Array = NDArray[np.float64]
STEP = 1e-4
"""In scaled units: 1e-8 of curvature error, 1e-12 of rounding."""
BLOCK = 125
THRESHOLD = 0.01


@dataclass(frozen=True)
class LagGradient:
    """The gradient of a forecast by lag, its root mean square over some windows.

    `by_sample` (L,) for lag 1 (the newest sample) to L; `by_step` (S,) for the newest segment to
    the oldest: the norm over all its samples. Both in scaled units.
    """

    by_sample: Array
    by_step: Array

    @property
    def reach(self) -> int | None:
        """The first step back from which on the norm stays under 1 % of its largest; None if it never does.

        >>> LagGradient(np.ones(3), np.array([1.0, 0.05, 0.001])).reach
        3
        """
        return _reach(self.by_step)

    def to_json(self, n_input: int, sample_rate_hz: float | None) -> dict[str, Any]:
        """Return the gradient as plain data, relative to its largest, with the lag where it is under 1 %."""
        found = self.reach
        lag = None if found is None else (found - 1) * n_input + 1
        return {
            "falls_under_1_percent": None if lag is None else _placed(int(found or 0), lag, sample_rate_hz),
            "reason": "" if lag else "it never falls under 1 % of its largest within the context",
            "largest": float(self.by_step.max()),
            "by_step": _relative(self.by_step),
            "by_sample": _relative(self.by_sample),
        }


def lag_gradient(predictor: Predictor, context: Context) -> LagGradient:
    """Measure the gradient of the next segment with respect to the channel's own past in each window of `context`.

    A network's weights should be in double precision: `in_double`.
    """
    squares = np.zeros(context.values.shape[1])
    with one_blas_thread():
        for row in range(len(context.values)):
            squares += _squares(predictor, context[row : row + 1])
    newest_first = (squares / len(context.values))[::-1]
    by_step = np.sqrt(newest_first.reshape(predictor.window.n_step, -1).sum(axis=1))
    return LagGradient(np.sqrt(newest_first), by_step)


def _squares(predictor: Predictor, one: Context) -> Array:
    """Return the squared norm of each column of the Jacobian (N, L) at one window."""
    length = one.values.shape[1]
    found = np.empty(length)
    for begin in range(0, length, BLOCK):
        lags = np.arange(begin, min(begin + BLOCK, length))
        rows = np.zeros(2 * len(lags), dtype=np.int64)
        moved = one[rows]
        values = moved.values.copy()
        values[np.arange(len(lags)), lags] += STEP
        values[np.arange(len(lags), len(rows)), lags] -= STEP
        forecast = predictor.predict(replace(moved, values=values))
        slope = (forecast[: len(lags)] - forecast[len(lags) :]) / (2 * STEP)
        found[lags] = np.square(slope).sum(axis=1)
    return found


def _reach(norms: Array) -> int | None:
    """Return the first step (from 1) from which on all norms are under the threshold, or None."""
    large = np.flatnonzero(norms >= THRESHOLD * norms.max()) if norms.any() else np.arange(0)
    first = int(large[-1]) + 2 if len(large) else 1
    return first if first <= len(norms) else None


def _placed(step: int, lag: int, sample_rate_hz: float | None) -> dict[str, int | float | None]:
    return {"steps": step, "samples": lag, "seconds": lag / sample_rate_hz if sample_rate_hz else None}


def _relative(norms: Array) -> list[float]:
    """Return the norms relative to the largest, with four digits."""
    largest = norms.max() or 1.0
    return [float(f"{value:.4g}") for value in (norms / largest).tolist()]
