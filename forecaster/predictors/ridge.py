"""Ridge regression from the whole context to the next segment, in closed form.

    min over K, b of  sum over windows |y - x K - b|^2 + alpha |K|^2

Fitted on every training window at stride 1 (a coarser stride would favour a pattern locked to
the sample number), once to the values as they are and once to their distance from the window's
last value; which of them, and alpha, is chosen on every validation window. Distances have no b: it
would be the training part's drift, carried on. Either way it is one linear map. It is the baseline
that a network has to beat.

Source: Hoerl and Kennard, "Ridge Regression", Technometrics 12 (1970).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import MAX_CONTEXT, Frozen, Window
from forecaster.equations.linear import by_blocks
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.predictors.fitting import Gram
from forecaster.signal.context import Context
from forecaster.signal.windows import WindowSplits

MAX_TAPS = 4096
ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(0, 6.5, 0.5))
# Numbers that the solutions to choose from may hold together.
MAX_VALUES = 25_000_000
# Contexts from which the recursive forecast is tried out.
STABILITY_CONTEXTS = 32
# How far from 1 the weights of a map may sum up that follows the level, as they are stored in single precision.
ROUNDING = 1e-4
# Normalised windows that are looked at for the limits.
LIMIT_WINDOWS = 4096

Finite = Annotated[float, Field(ge=-1e300, le=1e300)]


class RidgeParameters(Frozen):
    """The penalty, the samples that it looks back on, the segments forecast at once, and the limits (scaled units).

    The limits are those of the training part's range, widened by its span on either side. The recursive
    forecast may not leave them. If they are `moving`, and the map follows the level, they move with a
    context that lies outside the range.
    """

    alpha: Annotated[float, Field(gt=0, le=1e300)]
    taps: Annotated[int, Field(ge=1, le=MAX_CONTEXT)]
    low: Finite
    high: Finite
    segments: Annotated[int, Field(ge=1, le=4096)] = 1
    moving: Annotated[bool, Field(exclude_if=lambda moving: not moving)] = False


class Solution(NamedTuple):
    """A linear map (taps, K N) with its bias (K N,), its penalty `alpha`, and its squared error on validation.

    `relative` says that it was fitted to distances from a level of each context: its last value, or the mean of its
    last period.
    """

    error: float
    alpha: float
    relative: bool
    kernel: Array
    bias: Array


@dataclass(frozen=True)
class LinearMap(Predictor):
    """A linear map from the context to the next segment or several, whose forecasts are kept within limits."""

    Parameters: ClassVar[type[Frozen]] = RidgeParameters
    parameters: RidgeParameters
    kernel: Array
    bias: Array

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the best candidate on validation whose recursive forecasts stay within the limits.

        If none stays there, the best on validation is taken, and its forecasts are clipped.
        """
        candidates = cls.candidates(splits)
        best = next(candidates)
        if best.is_stable(splits):
            return best
        return next((candidate for candidate in candidates if candidate.is_stable(splits)), best)

    @classmethod
    def candidates(cls, splits: WindowSplits) -> Iterator[Self]:
        """Yield the predictors to choose from, the best on validation first.

        They forecast as many segments at once as the windows' targets have.
        """
        taps, segments = min(splits.window.context, MAX_TAPS), splits.training.ahead
        low, high = limits(splits)
        for solution in cls.solutions(splits, taps):
            sizes = {"taps": taps, "segments": segments, "moving": True}
            parameters = RidgeParameters(alpha=solution.alpha, low=low, high=high, **sizes)
            yield cls(parameters, splits.window, as_stored(solution.kernel), as_stored(solution.bias))

    @classmethod
    def solutions(cls, splits: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""
        return solve(splits, taps)

    @classmethod
    def specs(cls, parameters: RidgeParameters, window: Window, channels: int) -> Specs:
        """Return kernel (taps, K N) and bias (K N,); ValueError if it looks back further than the context."""
        if parameters.taps > window.context or parameters.low > parameters.high:
            raise ValueError("taps must lie within the context, and low below high")
        width = parameters.segments * window.n_input
        return {"kernel": TensorSpec("F32", (parameters.taps, width)), "bias": TensorSpec("F32", (width,))}

    @classmethod
    def restore(cls, parameters: RidgeParameters, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the predictor that was stored."""
        return cls(parameters, window, tensors["kernel"].astype(np.float64), tensors["bias"].astype(np.float64))

    def tensors(self) -> dict[str, NDArray]:
        """Return kernel and bias, in single precision."""
        return {"kernel": self.kernel.astype(np.float32), "bias": self.bias.astype(np.float32)}

    @cached_property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much."""
        return not self.bias.any() and bool(np.abs(self.kernel.sum(axis=0) - 1).max() <= ROUNDING)

    @property
    def segments(self) -> int:
        """The segments that `predict` forecasts in one pass."""
        return self.parameters.segments

    def predict(self, context: Context) -> Array:
        """Return the forecast of the next segment, or of K of them (B, K N), kept within the limits."""
        return np.clip(self.unclipped(context), *self.limits(context))

    def limits(self, context: Context) -> tuple[Array, Array]:
        """Return the limits of what is forecast of each context, both (B, 1)."""
        low, high = self.parameters.low, self.parameters.high
        up = down = np.zeros((len(context.values), 1))
        if self.parameters.moving and self.follows_level:
            level = np.ascontiguousarray(context.values).mean(axis=1, keepdims=True)
            last, span = context.values[:, -1:], (high - low) / 3
            up = np.maximum(np.maximum(level, last) - (high - span), 0.0)
            down = np.minimum(np.minimum(level, last) - (low + span), 0.0)
        return low + up + down, high + up + down

    def unclipped(self, context: Context) -> Array:
        """Return the forecast of the next segment, or of K of them (B, K N), whatever the limits."""
        return by_blocks(context.values[:, -self.parameters.taps :], self.kernel) + self.bias

    def is_stable(self, splits: WindowSplits) -> bool:
        """Return whether recursive forecasts of a context's length, from validation windows, stay within the limits."""
        index = np.unique(np.linspace(0, len(splits.validation) - 1, STABILITY_CONTEXTS).astype(np.int64))
        values, channel = splits.validation.contexts(index).astype(np.float64), splits.validation.channels(index)
        low, high = self.limits(Context(values, channel))
        for _ in range(-(-self.window.n_step // self.parameters.segments)):
            segment = self.unclipped(Context(values, channel))
            if (segment < low).any() or (segment > high).any():
                return False
            values = np.concatenate((values, segment), axis=1)[:, -self.window.context :]
        return True


class Ridge(LinearMap):
    """A linear map from the context to the next segment, guarded."""

    name = "ridge"
    label = "the linear model ridge"
    is_baseline = True


class DirectRidge(LinearMap):
    """A linear map from the context to several segments in one pass; with one segment it is ridge."""

    name = "direct-ridge"
    label = "the linear model direct-ridge"
    is_direct = True


class LevelRidge(LinearMap):
    """Ridge of the distances from the context's last value alone: it follows any level."""

    name = "level-ridge"
    label = "the linear model level-ridge"
    joins_ensemble = True

    @classmethod
    def solutions(cls, splits: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""
        return solve(splits, taps, relatives=(True,))


# --- solving ----------------------------------------------------------------------------


def solve(splits: WindowSplits, taps: int, relatives: Sequence[bool] = (False, True)) -> list[Solution]:
    """Return the solutions for each alpha of `ALPHAS`, of the values or of their distance from the last, best first.

    If they are large, only the best are kept.
    """
    training, validation = Gram.of(splits.training, taps), Gram.of(splits.validation, taps)
    last_value = np.eye(taps)[-1]
    solutions: list[Solution] = []
    for relative in relatives:
        # Distances have no bias, so their moments are about 0.
        mean = np.zeros(len(training.total)) if relative else training.mean
        moments, validation_moments = training.centred(mean), validation.centred(mean)
        fitted_to = relative_to(moments[:taps], last_value) if relative else moments
        for alpha in ALPHAS:
            kernel = penalised_map(fitted_to[:taps, :taps], fitted_to[:taps, taps:], alpha)
            if relative:
                # As a map of the values themselves: the weights of each column sum to 1.
                kernel[-1] += 1 - kernel.sum(axis=0)
            bias = mean[taps:] - mean[:taps] @ kernel
            solutions.append(Solution(squared_error(validation_moments, kernel), alpha, relative, kernel, bias))
            solutions = sorted(solutions, key=lambda solution: solution.error)[: max(2, MAX_VALUES // kernel.size)]
    return solutions


def penalised_map(square: Array, cross: Array, alpha: float) -> Array:
    """Return the linear map (taps, K N) that the penalty `alpha` gives.

    `square` (taps, taps) has the moments of the samples looked back on, `cross` (taps, K N) those with the targets.
    """
    # Forecasts do without scipy.linalg, so it is imported when a predictor is fitted.
    from scipy.linalg import cho_factor, cho_solve

    return np.asarray(cho_solve(cho_factor(square + alpha * np.eye(len(square))), cross))


def relative_to(moments: Array, level: Array) -> Array:
    """Return the moments of rows from which their level is subtracted: their first samples weighed by `level` (taps,).

    `moments` are all of them (P, P), or those of the first `taps` samples with all (taps, P).
    """
    across: Array = level @ moments[: len(level)]
    return moments - across - across[: len(moments), None] + across[: len(level)] @ level


def squared_error(moments: Array, kernel: Array) -> float:
    """Return the summed squared error over windows by their moments about the mean that makes up the bias."""
    taps = len(kernel)
    cross, square = moments[:taps, taps:], moments[:taps, :taps]
    return float(np.trace(moments[taps:, taps:]) - 2 * np.sum(kernel * cross) + np.sum(kernel * (square @ kernel)))


def limits(splits: WindowSplits) -> tuple[float, float]:
    """Return the training part's range, widened by its span on either side."""
    windows = splits.training
    if windows.window.normalised:
        index = np.unique(np.linspace(0, len(windows) - 1, LIMIT_WINDOWS).astype(np.int64))
        stretches = [windows.rows(windows.places(index)[0])]
    else:
        stretches = [windows.stretch(int(r)) for r in np.flatnonzero(windows.count)]
    low, high = min(float(x.min()) for x in stretches), max(float(x.max()) for x in stretches)
    return low - (high - low), high + (high - low)


def as_stored(values: Array) -> Array:
    """Return `values` as a model folder gives them back: rounded to single precision, in C order.

    The order counts, too: a BLAS adds in another order where a matrix lies the other way round.
    """
    return np.ascontiguousarray(values, dtype=np.float32).astype(np.float64)
