"""An ensemble: a convex mixture of predictors, weighed by channel and segment.

    y[c, j] = sum over members m of  w[c, j, m] y_m[c, j],      w >= 0, sum over m = 1

Every member makes its own recursive forecast; the weights of segment j mix what the members forecast
for it, and beyond the last segment with weights those of the last hold. `forecaster.training.ensemble_weights`
fits them on targets that no member was fitted on.

Some members know the level of the training part alone. So there is a second set of weights, for those members that
follow any level. The further a context's level lies outside those of the training part, the more do these weights
replace the others: a step in level then costs the width of a band, and not the forecast. While the context still holds
the step, the part before it is moved to the new level (`signal/level_shift.py`).

Source: Bates and Granger, "The Ensemble of Forecasts" (1969); Breiman, "Stacked Regressions"
(1996): weights that are not negative; Lawson and Hanson, "Solving Least Squares Problems" (1974),
chapter 23, for fitting them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import Frozen, Text, Window
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.signal.context import Context
from forecaster.signal.level_shift import without_shift

MAX_SEGMENTS = 4096
# A level is wholly outside that of the training part if it lies so many times the range's width beyond its end, and so
# many training deviations.
REACH, LEAST_REACH = 0.5, 0.1
LEVEL_TENSORS = ("level_weights", "context_levels", "segment_levels", "largest_jump")
# A weight below this share is not worth the time of the member's forecast.
SMALLEST_WEIGHT = 0.02


class Members(Frozen):
    """The names of the members, J, the segments that have weights of their own, and whether levels have weights.

    If it is `seamless` the weights pass smoothly from one segment to the next.
    """

    members: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64), FailFast()]
    segments: Annotated[int, Field(ge=1, le=MAX_SEGMENTS)] = 1
    levels: Annotated[bool, Field(exclude_if=lambda levels: not levels)] = False
    seamless: Annotated[bool, Field(exclude_if=lambda seamless: not seamless)] = False

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.members)) != len(self.members) or Ensemble.name in self.members:
            raise ValueError("the members must be other predictors, each of them once")
        return self


class Levels(NamedTuple):
    """What an ensemble does outside the levels of its training part.

    Attributes:
        weights: (C, J, M), the weights of members that follow any level, 0 for all others.
        context: (C, 2), the lowest and the highest mean of a context in the training part.
        segment: (C, 2), those of a segment.
        jump: (C,), the largest difference between neighbouring samples there.
    """

    weights: Array
    context: Array
    segment: Array
    jump: Array

    def outside(self, context: Context, n_input: int) -> Array:
        """Return how far each of `context` lies outside the levels of the training part, (B,): 0 within, 1 at most."""
        values = np.ascontiguousarray(context.values)
        levels = values.mean(axis=1), np.ascontiguousarray(values[:, -n_input:]).mean(axis=1)
        shares = [
            _outside(level, ranges[context.channel])
            for level, ranges in zip(levels, (self.context, self.segment), strict=True)
        ]
        return np.maximum(*shares)


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
    levels: Levels | None = None

    @classmethod
    def specs(cls, parameters: Members, window: Window, channels: int) -> Specs:
        """Return the weights (C, J, M), and what the ensemble has for other levels."""
        weights = TensorSpec("F64", (channels, parameters.segments, len(parameters.members)))
        if not parameters.levels:
            return {"weights": weights}
        ranges = TensorSpec("F64", (channels, 2))
        specs = {"weights": weights, "level_weights": weights, "context_levels": ranges, "segment_levels": ranges}
        return {**specs, "largest_jump": TensorSpec("F64", (channels,))}

    @classmethod
    def restore(cls, parameters: Members, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the ensemble that was stored, without its members, which `with_members` adds.

        Raises ModelError for weights that are negative or do not add up to 1, and for ranges that descend.
        """
        weights = [tensors[name].astype(np.float64) for name in ("weights", "level_weights") if name in tensors]
        if any(array.min() < 0 or np.abs(array.sum(axis=2) - 1).max() > 1e-6 for array in weights):
            raise ModelError("The weights of the ensemble are negative, or do not add up to 1.")
        if not parameters.levels:
            return cls(parameters, window, weights[0])
        levels = Levels(weights[1], *(tensors[name].astype(np.float64) for name in LEVEL_TENSORS[1:]))
        ascend = all((ranges[:, 0] <= ranges[:, 1]).all() for ranges in (levels.context, levels.segment))
        if not ascend or not all(np.isfinite(array).all() for array in levels) or levels.jump.min() < 0:
            raise ModelError("The levels of the ensemble are not finite, or descend.")
        return cls(parameters, window, weights[0], levels=levels)

    def with_members(self, predictors: Sequence[Predictor]) -> Self:
        """Return the ensemble with its members, which are among `predictors`; ModelError if one is missing."""
        by_name = {predictor.name: predictor for predictor in predictors}
        missing = [name for name in self.parameters.members if name not in by_name]
        if missing:
            raise ModelError(f"The ensemble names {', '.join(missing)}, which the model does not hold.")
        return replace(self, members=tuple(by_name[name] for name in self.parameters.members))

    def tensors(self) -> dict[str, NDArray]:
        """Return the weights, and the ranges of levels."""
        tensors = {"weights": self.weights}
        return tensors if self.levels is None else tensors | dict(zip(LEVEL_TENSORS, self.levels, strict=True))

    def in_double(self) -> Self:
        """Return the ensemble with its members in double precision."""
        return replace(self, members=tuple(member.in_double() for member in self.members))

    @property
    def is_ensemble(self) -> bool:
        """Whether it mixes the forecasts of other predictors: it does."""
        return True

    @property
    def follows_level(self) -> bool:
        """Whether a context far from the levels of the training part is forecast relative to its own."""
        return self.levels is not None

    def without_shift(self, context: Context) -> Context:
        """Return `context`, its rows in which the level jumps as it never did in training at the level after that.

        Where channels see each other it stays as it is.
        """
        if self.levels is None or context.covariates.targets is not None:
            return context
        values = without_shift(context.values, self.levels.jump[context.channel], self.window.n_input)
        return context if values is context.values else replace(context, values=values)

    def active_members(self, context: Context) -> tuple[Predictor, ...]:
        """Return the members that have a weight somewhere in the forecast of `context`."""
        is_active = self.weights.max(axis=(0, 1)) > 0
        if self.levels is not None and self.levels.outside(context, self.window.n_input).any():
            is_active |= self.levels.weights.max(axis=(0, 1)) > 0
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
        n_input, context = self.window.n_input, self.without_shift(context)
        forecasts = {member.name: member.predict(context)[:, :n_input] for member in self.active_members(context)}
        return self.mix(forecasts, context)

    def mix(self, forecasts: Mapping[str, Array], context: Context) -> Array:
        """Return the ensemble's forecast (B, H) from the `forecasts` (B, H) of its active members by name."""
        mixture = self._mixture(self.weights, forecasts, context)
        if self.levels is None:
            return mixture
        outside = self.levels.outside(context, self.window.n_input)[:, None]
        if not outside.any():
            return mixture
        follows = self._mixture(self.levels.weights, forecasts, context)
        # A mixture that ran away must not spoil the rows that have none of it.
        with np.errstate(invalid="ignore", over="ignore"):
            inside = np.where(outside < 1, (1 - outside) * mixture, 0.0)
        return np.where(outside > 0, inside + outside * follows, mixture)

    def _mixture(self, weights: Array, forecasts: Mapping[str, Array], context: Context) -> Array:
        """Return the mixture (B, H) of the `forecasts` (B, H) by `weights` (C, J, M)."""
        horizon = next(iter(forecasts.values())).shape[1]
        by_step = self._by_step(weights, horizon)
        mixture = np.zeros((len(context.values), horizon))
        for m, name in enumerate(self.parameters.members):
            if weights[:, :, m].any():
                of_rows = by_step[:, :, m][context.channel]
                # A forecast that ran away to infinity must not spoil the mixture where it has no weight: 0 inf is NaN.
                mixture += np.where(of_rows > 0, of_rows * forecasts[name], 0.0)
        return mixture

    def _by_step(self, weights: Array, horizon: int) -> Array:
        """Return the weights (C, H, M) of each step from those of each segment (C, J, M)."""
        step, last = np.arange(horizon), self.parameters.segments - 1
        segment = np.minimum(step // self.window.n_input, last)
        if not self.parameters.seamless:
            return weights[:, segment]
        # Over each recursive segment the weights of the one before it give way to its own.
        before = np.maximum(np.minimum(step // self.window.n_input - 1, last), 0)
        share = ((step % self.window.n_input + 1) / (self.window.n_input + 1))[:, None]
        changes = (weights[:, before] != weights[:, segment]).any(axis=2, keepdims=True)
        return np.where(changes, (1 - share) * weights[:, before] + share * weights[:, segment], weights[:, segment])


def _outside(level: Array, ranges: Array) -> Array:
    """Return the share, 0 to 1, by which `level` (B,) lies outside `ranges` (B, 2): 1 from `REACH` widths on."""
    low, high = ranges.T
    excess = np.maximum(np.maximum(low - level, level - high), 0.0)
    return np.asarray(np.minimum(excess / (REACH * (high - low) + LEAST_REACH), 1.0))


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
