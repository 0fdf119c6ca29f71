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

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import MAX_CONTEXT, Frozen, Window
from forecaster.equations.products import by_blocks
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.predictors.gram import Gram
from forecaster.signal.context import Context
from forecaster.signal.splits import WindowSplits

MAX_TAPS = 4096
ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(0, 6.5, 0.5))
KEPT = 25_000_000
"""Numbers in the solutions that are kept to choose from."""
LOOPS = 32
"""Contexts from which the guard runs the closed loop."""

Finite = Annotated[float, Field(ge=-1e300, le=1e300)]


class RidgeParameters(Frozen):
    """The penalty, the samples that it looks back on, the segments made at once, the limits (scaled units).

    The limits are the training part's range, widened by its span on either side: what the
    closed loop may not leave.
    """

    alpha: Annotated[float, Field(gt=0, le=1e300)]
    taps: Annotated[int, Field(ge=1, le=MAX_CONTEXT)]
    low: Finite
    high: Finite
    segments: Annotated[int, Field(ge=1, le=4096)] = 1


@dataclass(frozen=True)
class LinearMap(Predictor):
    """A linear map from the context to the next segment or several, whose forecasts are kept within limits."""

    Parameters: ClassVar[type[Frozen]] = RidgeParameters
    parameters: RidgeParameters
    kernel: Array
    bias: Array

    @classmethod
    def fit(cls, parts: WindowSplits) -> Self:
        """Solve for every alpha; take the best on validation whose closed loop stays within the limits.

        Where none stays there, the best on validation is taken, and its forecasts are clipped. It makes
        as many segments at once as the windows' targets have.
        """
        taps, ahead = min(parts.window.context, MAX_TAPS), parts.training.ahead
        low, high = limits(parts)
        fitted = (
            cls(
                RidgeParameters(alpha=one.alpha, taps=taps, low=low, high=high, segments=ahead),
                parts.window,
                stored(one.kernel),
                stored(one.bias),
            )
            for one in cls.solutions(parts, taps)
        )
        first = next(fitted)
        return first if first.is_stable(parts) else next((ridge for ridge in fitted if ridge.is_stable(parts)), first)

    @classmethod
    @abstractmethod
    def solutions(cls, parts: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""

    @classmethod
    def specs(cls, parameters: RidgeParameters, window: Window, channels: int) -> Specs:
        """Kernel (taps, K N) and bias (K N,); ValueError if it looks back further than the context."""
        if parameters.taps > window.context or parameters.low > parameters.high:
            raise ValueError("taps must lie within the context, and low below high")
        width = parameters.segments * window.n_input
        return {"kernel": TensorSpec("F32", (parameters.taps, width)), "bias": TensorSpec("F32", (width,))}

    @classmethod
    def restore(cls, parameters: RidgeParameters, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again."""
        return cls(parameters, window, tensors["kernel"].astype(np.float64), tensors["bias"].astype(np.float64))

    def tensors(self) -> dict[str, NDArray]:
        """Return kernel and bias, in single precision."""
        return {"kernel": self.kernel.astype(np.float32), "bias": self.bias.astype(np.float32)}

    @property
    def segments(self) -> int:
        """The segments that `predict` forecasts in one pass."""
        return self.parameters.segments

    def predict(self, context: Context) -> Array:
        """Map `context` to the next segment, or K of them (B, K N), kept within the limits."""
        return np.clip(self._map(context.values), self.parameters.low, self.parameters.high)

    def is_stable(self, parts: WindowSplits) -> bool:
        """Say whether the closed loop over a whole context, from validation contexts, stays within the limits."""
        index = np.unique(np.linspace(0, len(parts.validation) - 1, LOOPS).astype(np.int64))
        context = parts.validation.contexts(index).astype(np.float64)
        for _ in range(-(-self.window.n_step // self.parameters.segments)):
            segment = self._map(context)
            if segment.min() < self.parameters.low or segment.max() > self.parameters.high:
                return False
            context = np.concatenate((context, segment), axis=1)[:, -self.window.context :]
        return True

    def _map(self, context: Array) -> Array:
        return by_blocks(context[:, -self.parameters.taps :], self.kernel) + self.bias


@dataclass(frozen=True)
class Ridge(LinearMap):
    """A linear map from the context to the next segment, guarded."""

    name: ClassVar[str] = "ridge"
    label: ClassVar[str] = "the linear model ridge"
    is_baseline: ClassVar[bool] = True

    @classmethod
    def solutions(cls, parts: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""
        return solve(parts, taps)


@dataclass(frozen=True)
class DirectRidge(LinearMap):
    """A linear map from the context to several segments in one pass; with one segment it is ridge."""

    name: ClassVar[str] = "direct-ridge"
    label: ClassVar[str] = "the linear model direct-ridge"
    is_direct: ClassVar[bool] = True

    @classmethod
    def solutions(cls, parts: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""
        return solve(parts, taps)


@dataclass(frozen=True)
class LevelRidge(LinearMap):
    """Ridge of the distances from the context's last value alone: it follows any level."""

    name: ClassVar[str] = "level-ridge"
    label: ClassVar[str] = "the linear model level-ridge"
    joins_ensemble: ClassVar[bool] = True

    @classmethod
    def solutions(cls, parts: WindowSplits, taps: int) -> Iterable[Solution]:
        """Return the linear maps to choose from, best on validation first."""
        return solve(parts, taps, relatives=(True,))


class Solution(NamedTuple):
    """What one penalty gives: its squared error on validation, and the linear map (taps, K N) with its bias (K N,).

    `relative` tells that it was fitted to distances from a level of each context: its last value or period.
    """

    error: float
    alpha: float
    relative: bool
    kernel: Array
    bias: Array


def solve(parts: WindowSplits, taps: int, relatives: Sequence[bool] = (False, True)) -> list[Solution]:
    """Return the solutions for each alpha of `ALPHAS`, of the values or of their distance from the last, best first.

    Where they are large only the best are kept.
    """
    training, held_back = Gram.of(parts.training, taps), Gram.of(parts.validation, taps)
    last = np.eye(taps)[-1]
    found: list[Solution] = []
    for relative in relatives:
        mean = np.zeros(len(training.total)) if relative else training.mean
        moments, judge = training.centred(mean), held_back.centred(mean)
        known = relative_to(moments[:taps], last) if relative else moments
        for alpha, kernel in _kernels(known, taps, relative=relative):
            bias = mean[taps:] - mean[:taps] @ kernel
            found.append(Solution(squared_error(judge, kernel), alpha, relative, kernel, bias))
            found = sorted(found, key=lambda one: one.error)[: max(2, KEPT // kernel.size)]
    return found


def _kernels(moments: Array, taps: int, *, relative: bool) -> Iterator[tuple[float, Array]]:
    """Yield alpha and the map of the values; one that was found for distances is turned into it."""
    from scipy.linalg import cho_factor, cho_solve

    square, cross = moments[:taps, :taps], moments[:taps, taps:]
    for alpha in ALPHAS:
        kernel = cho_solve(cho_factor(square + alpha * np.eye(taps)), cross)
        if relative:
            kernel[-1] += 1 - kernel.sum(axis=0)
        yield alpha, kernel


def relative_to(moments: Array, level: Array) -> Array:
    """Return the moments of rows from which their level is taken: their first samples weighed by `level` (taps,).

    `moments` are all of them (P, P), or those of the first `taps` samples with all (taps, P).
    """
    across: Array = level @ moments[: len(level)]
    return moments - across - across[: len(moments), None] + across[: len(level)] @ level


def squared_error(moments: Array, kernel: Array) -> float:
    """Return the summed squared error over windows by their moments about the mean that makes up the bias."""
    taps = len(kernel)
    cross, square = moments[:taps, taps:], moments[:taps, :taps]
    return float(np.trace(moments[taps:, taps:]) - 2 * np.sum(kernel * cross) + np.sum(kernel * (square @ kernel)))


def limits(parts: WindowSplits) -> tuple[float, float]:
    """Return the training part's range, widened by its span on either side."""
    stretches = [parts.training.stretch(int(r)) for r in np.flatnonzero(parts.training.count)]
    low, high = min(float(s.min()) for s in stretches), max(float(s.max()) for s in stretches)
    return low - (high - low), high + (high - low)


def stored(values: Array) -> Array:
    """Return `values` as a model folder gives them back: rounded to single precision, in C order.

    The order counts, too: a BLAS adds in another order where a matrix lies the other way round.
    """
    return np.ascontiguousarray(values, dtype=np.float32).astype(np.float64)
