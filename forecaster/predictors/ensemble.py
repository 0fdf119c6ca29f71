"""An ensemble: a convex mixture of predictors, weighed by channel and segment.

    y[c, j] = sum over members m of  w[c, j, m] y_m[c, j],      w >= 0, sum over m = 1

Every member makes its own recursive forecast; the weights of segment j mix what the members forecast
for it, and beyond the last segment with weights those of the last hold. `forecaster.training.ensemble_weights`
fits them on targets that no member was fitted on.

Source: Bates and Granger, "The Ensemble of Forecasts" (1969); Breiman, "Stacked Regressions"
(1996): weights that are not negative; Lawson and Hanson, "Solving Least Squares Problems" (1974),
chapter 23, for fitting them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import Frozen, Text, Window
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.signal.context import Context

MAX_SEGMENTS = 4096
# A weight below this share is not worth the time of the member's forecast.
SMALLEST_WEIGHT = 0.02


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

    name = "auto"
    label = "the ensemble of all predictors"
    is_closed_form = False
    Parameters = Members
    parameters: Members
    weights: Array
    members: tuple[Predictor, ...] = ()

    @classmethod
    def specs(cls, parameters: Members, window: Window, channels: int) -> Specs:
        """Return the one tensor of an ensemble, its weights (C, J, M)."""
        return {"weights": TensorSpec("F64", (channels, parameters.segments, len(parameters.members)))}

    @classmethod
    def restore(cls, parameters: Members, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the ensemble that was stored, without its members, which `with_members` adds.

        Raises ModelError for weights that are negative or do not add up to 1.
        """
        weights = tensors["weights"].astype(np.float64)
        if weights.min() < 0 or np.abs(weights.sum(axis=2) - 1).max() > 1e-6:
            raise ModelError("The weights of the ensemble are negative, or do not add up to 1.")
        return cls(parameters, window, weights)

    def with_members(self, predictors: Sequence[Predictor]) -> Self:
        """Return the ensemble with its members, which are among `predictors`; ModelError if one is missing."""
        by_name = {predictor.name: predictor for predictor in predictors}
        missing = [name for name in self.parameters.members if name not in by_name]
        if missing:
            raise ModelError(f"The ensemble names {', '.join(missing)}, which the model does not hold.")
        return replace(self, members=tuple(by_name[name] for name in self.parameters.members))

    def tensors(self) -> dict[str, NDArray]:
        """Return the weights."""
        return {"weights": self.weights}

    def in_double(self) -> Self:
        """Return the ensemble with its members in double precision."""
        return replace(self, members=tuple(member.in_double() for member in self.members))

    @property
    def active_members(self) -> tuple[Predictor, ...]:
        """The members that have a weight somewhere; the others need not forecast."""
        is_active = self.weights.max(axis=(0, 1)) > 0
        return tuple(member for member, active in zip(self.members, is_active, strict=True) if active)

    def mean_weights(self, first: int = 0, end: int | None = None) -> dict[str, float]:
        """Return the mean weight of each active member in the segments `first` to `end`, the largest first.

        Returns nothing if the ensemble has no weights for those segments.
        """
        of_segments = self.weights[:, first:end]
        if not of_segments.size:
            return {}
        means = of_segments.mean(axis=(0, 1)).tolist()
        ranked = sorted(zip(self.parameters.members, means, strict=True), key=lambda pair: -pair[1])
        return {name: min(1.0, round(weight, 6)) for name, weight in ranked if weight > 0}

    def predict(self, context: Context) -> Array:
        """Return the forecast of the next segment, (B, N)."""
        n_input = self.window.n_input
        forecasts = {member.name: member.predict(context)[:, :n_input] for member in self.active_members}
        return self.mix(forecasts, context)

    def mix(self, forecasts: Mapping[str, Array], context: Context) -> Array:
        """Return the ensemble's forecast (B, H) from the `forecasts` (B, H) of its active members by name."""
        horizon = next(iter(forecasts.values())).shape[1]
        segment = np.minimum(np.arange(horizon) // self.window.n_input, self.parameters.segments - 1)
        mixture = np.zeros((len(context.values), horizon))
        for m, name in enumerate(self.parameters.members):
            if self.weights[:, :, m].any():
                weights = self.weights[:, segment, m][context.channel]
                # A forecast that ran away to infinity must not spoil the mixture where it has no weight: 0 inf is NaN.
                mixture += np.where(weights > 0, weights * forecasts[name], 0.0)
        return mixture


def convex(moments: Array) -> Array:
    """Return the weights w (M,), none negative, with sum 1, for which w' `moments` w is least.

    >>> convex(np.diag([1.0, 3.0])).round(3).tolist()
    [0.75, 0.25]
    >>> convex(np.array([[1.0, 1.5], [1.5, 4.0]])).tolist()
    [1.0, 0.0]
    """
    # scipy.optimize takes longer to import than a forecast takes.
    from scipy.optimize import nnls

    mean_error = float(np.trace(moments)) / len(moments)
    if mean_error <= 0:
        return np.eye(len(moments))[0]
    # Least squares on a root of the moments. That the sum is 1 is one more equation, weighed so that it holds.
    values, vectors = np.linalg.eigh(relative(moments))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    heavy = 1e3 * np.sqrt(len(moments))
    solution, _ = nnls(np.vstack((root, np.full(len(moments), heavy))), np.append(np.zeros(len(moments)), heavy))
    mixture, best_alone = without_small(solution), np.eye(len(moments))[np.argmin(np.diag(moments))]
    return mixture if mixture @ moments @ mixture <= best_alone @ moments @ best_alone else best_alone


def without_small(weights: Array) -> Array:
    """Return `weights` with sum 1, those that are too small to matter set to 0."""
    large = np.where(weights < SMALLEST_WEIGHT * weights.sum(), 0.0, weights)
    return large / large.sum()


def relative(moments: Array) -> Array:
    """Return `moments` (M, M) as multiples of the best member's error, if that is not 0."""
    return moments / (float(np.diag(moments).min()) or 1.0)
