"""The weights of a combination: who carries which segment, found on the validation part.

For each channel and segment the convex weights are sought that make the squared error of the
mixture least. What is fed back has fewer origins than the next segment, so neighbouring segments
are weighed together.

Source: Breiman, "Stacked Regressions" (1996): weights that are not negative; Lawson and Hanson,
"Solving Least Squares Problems" (1974), chapter 23, for finding them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from forecaster import sampling
from forecaster.predictors import Combination, Parts, Predictor
from forecaster.predictors.base import Array
from forecaster.predictors.combination import Members
from forecaster.rollout import forecast
from forecaster.windows import Windows

BESIDE = 2
"""Segments on either side that are weighed with a fed-back one."""
LEAST = 0.02
"""A weight below this is not worth asking the member for."""
LARGEST = 1e6
"""An error that ran away counts as this, in scaled units."""


def combine(members: Sequence[Predictor], parts: Parts) -> Combination:
    """Return the convex combination of `members` that is best on the validation part."""
    ahead = sampling.segments(parts.validation)
    found = [_weights(members, parts.validation, channel, ahead) for channel in range(parts.channels)]
    parameters = Members(members=tuple(one.name for one in members), segments=ahead)
    weights = np.stack(found).astype(np.float32)
    return Combination.restore(parameters, {"weights": weights}, parts.window).bound(members)


def _weights(members: Sequence[Predictor], windows: Windows, channel: int, ahead: int) -> Array:
    """Return the weights (J, M) of one channel; a channel without a validation target has them all equal."""
    near = sampling.near(windows, channel)
    if not len(near):
        return np.full((ahead, len(members)), 1 / len(members))
    rows = [convex(_moments(members, near))]
    if ahead > 1:
        moments = _by_segment(members, sampling.far(windows, channel, ahead), windows.window.n_input)
        rows += [convex(moments[max(1, j - BESIDE) : j + BESIDE + 1].sum(axis=0)) for j in range(1, ahead)]
    return np.stack(rows)


def _errors(members: Sequence[Predictor], sample: sampling.Sample) -> Array:
    """Return the errors (M, O, H) of all members, 0 where there is no target."""
    truth = sample.truth()
    made = np.stack([sample.made(partial(forecast, one)) for one in members])
    return np.where(np.isfinite(truth), np.clip(made - truth, -LARGEST, LARGEST), 0.0)


def _moments(members: Sequence[Predictor], sample: sampling.Sample) -> Array:
    """Return the summed products of the members' errors, (M, M)."""
    errors = _errors(members, sample).reshape(len(members), -1)
    return errors @ errors.T


def _by_segment(members: Sequence[Predictor], sample: sampling.Sample, n_input: int) -> Array:
    """Return the summed products of the members' errors in each segment, (J, M, M)."""
    errors = _errors(members, sample)
    parts = errors.reshape(*errors.shape[:2], -1, n_input)
    return np.einsum("aojn,bojn->jab", parts, parts, optimize=True)


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
    scaled = moments / float(np.diag(moments).min() or size)
    values, vectors = np.linalg.eigh(scaled)
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    heavy = 1e3 * np.sqrt(len(moments))
    found, _ = nnls(np.vstack((root, np.full(len(moments), heavy))), np.append(np.zeros(len(moments)), heavy))
    kept = np.where(found < LEAST * found.sum(), 0.0, found)
    mixed, alone = kept / kept.sum(), np.eye(len(moments))[np.argmin(np.diag(moments))]
    return mixed if mixed @ moments @ mixed <= alone @ moments @ alone else alone
