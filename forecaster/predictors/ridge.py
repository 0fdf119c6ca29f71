"""Ridge regression from the whole context to the next segment, in closed form.

    min over K, b of  sum over windows |y - x K - b|^2 + alpha |K|^2

Fitted on every training window at stride 1 (a coarser stride would favour a pattern locked to
the sample number); alpha chosen on every validation window. It is the baseline that a network
has to beat.

Source: Hoerl and Kennard, "Ridge Regression", Technometrics 12 (1970).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import MAX_CONTEXT, Frozen, Task, Window
from forecaster.equations.products import by_blocks
from forecaster.predictors.base import Array, Context, Parts, Specs, TensorSpec
from forecaster.predictors.gram import Gram

MAX_TAPS = 4096
ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(0, 6.5, 0.5))
LOOPS = 32
"""Contexts from which the guard runs the closed loop."""

Finite = Annotated[float, Field(ge=-1e300, le=1e300)]


class RidgeParameters(Frozen):
    """The penalty, the samples that it looks back on, and the limits of a forecast (scaled units).

    The limits are the training part's range, widened by its span on either side: what the
    closed loop may not leave.
    """

    alpha: Annotated[float, Field(gt=0, le=1e300)]
    taps: Annotated[int, Field(ge=1, le=MAX_CONTEXT)]
    low: Finite
    high: Finite


@dataclass(frozen=True)
class Ridge:
    """A linear map from the context to the next segment, guarded."""

    name: ClassVar[str] = "ridge"
    task: ClassVar[Task] = "forecast"
    carries: ClassVar[bool] = False
    Parameters: ClassVar[type[Frozen]] = RidgeParameters
    parameters: RidgeParameters
    window: Window
    kernel: Array
    bias: Array

    @classmethod
    def fit(cls, parts: Parts) -> Self:
        """Solve for every alpha; take the best on validation whose closed loop stays within the limits.

        Where none stays there, the best on validation is taken, and its forecasts are clipped.
        """
        taps = min(parts.window.context, MAX_TAPS)
        low, high = _limits(parts)
        solutions = solve(parts, taps)
        fitted = [
            cls(
                RidgeParameters(alpha=alpha, taps=taps, low=low, high=high),
                parts.window,
                _stored(kernel),
                _stored(bias),
            )
            for _, alpha, kernel, bias in sorted(solutions, key=lambda solution: solution[0])
        ]
        return next((ridge for ridge in fitted if ridge.is_stable(parts)), fitted[0])

    @classmethod
    def specs(cls, parameters: RidgeParameters, window: Window, channels: int) -> Specs:
        """Kernel (taps, N) and bias (N,); ValueError if it looks back further than the context."""
        if parameters.taps > window.context or parameters.low > parameters.high:
            raise ValueError("taps must lie within the context, and low below high")
        n_input = window.n_input
        return {"kernel": TensorSpec("F32", (parameters.taps, n_input)), "bias": TensorSpec("F32", (n_input,))}

    @classmethod
    def restore(cls, parameters: RidgeParameters, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again."""
        return cls(parameters, window, tensors["kernel"].astype(np.float64), tensors["bias"].astype(np.float64))

    def tensors(self) -> dict[str, NDArray]:
        """Return kernel and bias, in single precision."""
        return {"kernel": self.kernel.astype(np.float32), "bias": self.bias.astype(np.float32)}

    def predict(self, context: Context) -> Array:
        """Map `context` to the next segment (B, N), kept within the limits."""
        return np.clip(self._map(context.values), self.parameters.low, self.parameters.high)

    def is_stable(self, parts: Parts) -> bool:
        """Say whether the closed loop over a whole context, from validation contexts, stays within the limits."""
        index = np.unique(np.linspace(0, len(parts.validation) - 1, LOOPS).astype(np.int64))
        context = parts.validation.contexts(index).astype(np.float64)
        for _ in range(self.window.n_step):
            segment = self._map(context)
            if segment.min() < self.parameters.low or segment.max() > self.parameters.high:
                return False
            context = np.concatenate((context[:, self.window.n_input :], segment), axis=1)
        return True

    def _map(self, context: Array) -> Array:
        return by_blocks(context[:, -self.parameters.taps :], self.kernel) + self.bias


def solve(parts: Parts, taps: int) -> list[tuple[float, float, Array, Array]]:
    """Return (validation error, alpha, kernel (taps, N), bias (N,)) for each alpha of `ALPHAS`."""
    from scipy.linalg import cho_factor, cho_solve

    gram = Gram.of(parts.training, taps)
    mean, moments = gram.mean, gram.centred(gram.mean)
    held_back = Gram.of(parts.validation, taps)
    judge = held_back.centred(mean)
    square, cross = moments[:taps, :taps], moments[:taps, taps:]
    solutions = []
    for alpha in ALPHAS:
        kernel = cho_solve(cho_factor(square + alpha * np.eye(taps)), cross)
        bias = mean[taps:] - mean[:taps] @ kernel
        solutions.append((_error(judge, kernel), alpha, kernel, bias))
    return solutions


def _error(moments: Array, kernel: Array) -> float:
    """Return the summed squared error over the windows whose moments about the training mean are given."""
    taps = len(kernel)
    cross, square = moments[:taps, taps:], moments[:taps, :taps]
    return float(np.trace(moments[taps:, taps:]) - 2 * np.sum(kernel * cross) + np.sum(kernel * (square @ kernel)))


def _limits(parts: Parts) -> tuple[float, float]:
    """Return the training part's range, widened by its span on either side."""
    stretches = [parts.training.stretch(int(r)) for r in np.flatnonzero(parts.training.count)]
    low, high = min(float(s.min()) for s in stretches), max(float(s.max()) for s in stretches)
    return low - (high - low), high + (high - low)


def _stored(values: Array) -> Array:
    """Round to single precision, as the model folder stores it, so that a saved model forecasts the same bytes."""
    return values.astype(np.float32).astype(np.float64)
