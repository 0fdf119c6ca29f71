"""A convex combination of predictors: who carries the forecast, by channel and fed-back segment.

    y = sum over members m of w[c, j, m] y_m,   w >= 0, sum over m = 1

Every member rolls its own closed loop; the weights of segment j mix what the members made for
it, and beyond the last the last ones hold. They are found on what no member was fitted to, by
`forecaster.training.ensemble_weights`.

Source: Bates and Granger, "The Ensemble of Forecasts" (1969); Breiman, "Stacked Regressions"
(1996): weights that are not negative; Lawson and Hanson, "Solving Least Squares Problems" (1974),
chapter 23, for finding them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import Frozen, Text, Window
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.signal.context import Context

MAX_SEGMENTS = 4096
LEAST = 0.02
"""A weight below this is not worth asking the member for."""


class Members(Frozen):
    """The names of the members, and J, the segments that have weights of their own."""

    members: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64), FailFast()]
    segments: Annotated[int, Field(ge=1, le=MAX_SEGMENTS)] = 1

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.members)) != len(self.members) or Ensemble.name in self.members:
            raise ValueError("the members must be other predictors, each of them once")
        return self


@dataclass(frozen=True)
class Ensemble(Predictor):
    """The best mixture of the cheap predictors and the networks, found on what none of them was fitted to."""

    name: ClassVar[str] = "auto"
    label: ClassVar[str] = "the ensemble of all predictors"
    is_closed_form: ClassVar[bool] = False
    Parameters: ClassVar[type[Frozen]] = Members
    parameters: Members
    weights: Array
    members: tuple[Predictor, ...] = ()

    @classmethod
    def specs(cls, parameters: Members, window: Window, channels: int) -> Specs:
        """Weights (C, J, M)."""
        return {"weights": TensorSpec("F64", (channels, parameters.segments, len(parameters.members)))}

    @classmethod
    def restore(cls, parameters: Members, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again, without its members: `bound` gives it those.

        Raises ModelError for weights that are negative or do not add up to 1.
        """
        weights = tensors["weights"].astype(np.float64)
        if weights.min() < 0 or np.abs(weights.sum(axis=2) - 1).max() > 1e-6:
            raise ModelError("The weights of the combination are negative, or do not add up to 1.")
        return cls(parameters, window, weights)

    def with_members(self, predictors: Sequence[Predictor]) -> Self:
        """Return the combination with its members, which are among `predictors`; ModelError if one is missing."""
        by_name = {predictor.name: predictor for predictor in predictors}
        missing = [name for name in self.parameters.members if name not in by_name]
        if missing:
            raise ModelError(f"The combination names {', '.join(missing)}, which the model does not hold.")
        return replace(self, members=tuple(by_name[name] for name in self.parameters.members))

    def tensors(self) -> dict[str, NDArray]:
        """Return the weights."""
        return {"weights": self.weights}

    @property
    def active_members(self) -> tuple[Predictor, ...]:
        """The members that have a weight somewhere: the others need not be asked."""
        used = self.weights.max(axis=(0, 1)) > 0
        return tuple(member for member, there in zip(self.members, used, strict=True) if there)

    def mean_weights(self, first: int = 0, end: int | None = None) -> dict[str, float]:
        """Return who carries the segments `first` to `end`: member -> mean weight, the largest first.

        Nothing where there are no such segments.
        """
        chosen = self.weights[:, first:end]
        if not chosen.size:
            return {}
        weights = chosen.mean(axis=(0, 1)).tolist()
        pairs = sorted(zip(self.parameters.members, weights, strict=True), key=lambda pair: -pair[1])
        return {name: min(1.0, round(weight, 6)) for name, weight in pairs if weight > 0}

    def in_double(self) -> Self:
        """Return the same combination with its networks in double precision."""
        return replace(self, members=tuple(member.in_double() for member in self.members))

    def predict(self, context: Context) -> Array:
        """Forecast the next segment (B, N) of `context`."""
        n_input = self.window.n_input
        return self.mix({one.name: one.predict(context)[:, :n_input] for one in self.active_members}, context)

    def mix(self, forecasts: Mapping[str, Array], context: Context) -> Array:
        """Mix what the carrying members forecast, each (B, H), by the weights of each step; others are left aside."""
        steps = next(iter(forecasts.values())).shape[1]
        segment = np.minimum(np.arange(steps) // self.window.n_input, self.parameters.segments - 1)
        result = np.zeros((len(context.values), steps))
        for m, name in enumerate(self.parameters.members):
            if self.weights[:, :, m].any():
                weights = self.weights[:, segment, m][context.channel]
                # What ran away may not spoil the others where it has no weight.
                result += np.where(weights > 0, weights * forecasts[name], 0.0)
        return result


def convex(moments: Array) -> Array:
    """Return the weights w (M,), none negative, with sum 1, for which w' `moments` w is least.

    >>> convex(np.diag([1.0, 3.0])).round(3).tolist()
    [0.75, 0.25]
    >>> convex(np.array([[1.0, 1.5], [1.5, 4.0]])).tolist()
    [1.0, 0.0]
    """
    from scipy.optimize import nnls

    size = float(np.trace(moments)) / len(moments)
    if size <= 0:
        return np.eye(len(moments))[0]
    values, vectors = np.linalg.eigh(scaled(moments))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    heavy = 1e3 * np.sqrt(len(moments))
    found, _ = nnls(np.vstack((root, np.full(len(moments), heavy))), np.append(np.zeros(len(moments)), heavy))
    mixed, alone = kept(found), np.eye(len(moments))[np.argmin(np.diag(moments))]
    return mixed if mixed @ moments @ mixed <= alone @ moments @ alone else alone


def kept(weights: Array) -> Array:
    """Return `weights` with sum 1, without those that are too small to matter."""
    large = np.where(weights < LEAST * weights.sum(), 0.0, weights)
    return large / large.sum()


def scaled(moments: Array) -> Array:
    """Return `moments` (M, M) as multiples of the least member's error, if that is not 0."""
    return moments / (float(np.diag(moments).min()) or 1.0)
