"""The weights of a combination: who carries which segment, found on the validation part.

For each channel and segment the convex weights are sought that make the squared error of the
mixture least. One channel's validation part is little to go by, so half of what is weighed is
its own and half the mean of all channels; what is fed back has fewer origins still, so
neighbouring segments are weighed together, and half of the weights are those of the next segment.

Source: Breiman, "Stacked Regressions" (1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from forecaster import sampling
from forecaster.predictors import Combination, Parts, Predictor
from forecaster.predictors.base import Array
from forecaster.predictors.combination import Members, convex, kept, scaled
from forecaster.rollout import forecast
from forecaster.windows import Windows

BESIDE = 2
"""Segments on either side that are weighed with a fed-back one."""
LARGEST = 1e6
"""An error that ran away counts as this, in scaled units."""


def combine(members: Sequence[Predictor], parts: Parts) -> Combination:
    """Return the convex combination of `members` that is best on the validation part."""
    ahead = sampling.segments(parts.validation)
    moments = [_moments(members, parts.validation, channel, ahead) for channel in range(parts.channels)]
    known = [one for one in moments if one is not None]
    pooled = np.mean(known, axis=0)
    weights = [_weights(pooled if one is None else one, pooled) for one in moments]
    parameters = Members(members=tuple(one.name for one in members), segments=ahead)
    tensors = {"weights": np.stack(weights).astype(np.float32)}
    return Combination.restore(parameters, tensors, parts.window).bound(members)


def _weights(own: Array, pooled: Array) -> Array:
    """Return the weights (J, M) of a channel by its `own` moments (J, M, M) and those of all."""
    rows = [convex(moments) for moments in own + pooled]
    return np.stack([rows[0], *(kept((row + rows[0]) / 2) for row in rows[1:])])


def _moments(members: Sequence[Predictor], windows: Windows, channel: int, ahead: int) -> Array | None:
    """Return the products of the members' errors in each segment and its neighbours, (J, M, M), the least error 1.

    None for a channel without a validation target.
    """
    near = sampling.near(windows, channel)
    if not len(near):
        return None
    errors = _errors(members, near).reshape(len(members), -1)
    found = [scaled(errors @ errors.T)]
    if ahead > 1:
        errors = _errors(members, sampling.far(windows, channel, ahead))
        parts = errors.reshape(*errors.shape[:2], ahead, -1)
        moments = np.einsum("aojn,bojn->jab", parts, parts, optimize=True)
        found += [scaled(moments[max(1, j - BESIDE) : j + BESIDE + 1].sum(axis=0)) for j in range(1, ahead)]
    return np.stack(found)


def _errors(members: Sequence[Predictor], sample: sampling.Sample) -> Array:
    """Return the errors (M, O, H) of all members, 0 where there is no target."""
    truth = sample.truth()
    made = np.stack([sample.made(partial(forecast, one)) for one in members])
    return np.where(np.isfinite(truth), np.clip(made - truth, -LARGEST, LARGEST), 0.0)
