"""The weights of a combination: who carries which segment, found on what came after what was fitted.

For each channel and segment the convex weights are sought that make the squared error of the
mixture least: first those of the predictors in closed form, on the validation part and on an
earlier fold of the training part; then those of the mixture so found and the networks, on the
validation part alone. An origin where most are far off counts less for it, so that a few loud
moments do not decide. One channel is little to go by, so half of what is weighed is its own and half the mean
of all channels; what is fed back has fewer origins still, so three quarters of what is weighed of a
fed-back segment are the errors of all of them, and its weights are drawn to those of the next
segment: by two thirds, or less far where that would cost too much.

So that the bands can be made of the same targets, the weights are found once more without each third.

Source: Breiman, "Stacked Regressions" (1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from forecaster import networks
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors import Ensemble, Predictor
from forecaster.predictors.base import Array
from forecaster.predictors.ensemble import Members, convex, kept, scaled
from forecaster.signal import sampling
from forecaster.signal.splits import WindowSplits
from forecaster.signal.windows import Windows

BESIDE = 5
"""Segments on either side that are weighed with a fed-back one."""
ALL = 3
"""So much as its own errors count, for a fed-back segment, those of all fed-back segments."""
DRAWN = (2 / 3, 1 / 2, 1 / 3, 1 / 6)
"""How far the weights of what is fed back are drawn to those of the next segment: the first that costs so little."""
COST = 0.1
"""The share by which the squared error may grow for it."""
LARGEST = 1e6
"""An error that ran away counts as this, in scaled units."""
QUIET = 1e-3
"""No origin is taken to be quieter than this share of the mean."""


class Judged(NamedTuple):
    """Predictors, and windows on which none of them was fitted; `stretches` are to be left out one by one."""

    members: Sequence[Predictor]
    windows: Windows
    stretches: Sequence[Windows] = ()


class Combined(NamedTuple):
    """The combination, and for each stretch of the validation part the one that was found without it."""

    combination: Ensemble
    without: tuple[Ensemble, ...]


def combine(members: Sequence[Predictor], parts: WindowSplits, earlier: Judged | None = None) -> Combined:
    """Return the convex combination of `members` that is best on the validation part, and on an earlier fold.

    `earlier` has those in closed form once more, in the same order, as the fold fitted them.
    """
    trained = networks.names()
    closed = [one for one in members if one.name not in trained]
    members = (*closed, *(one for one in members if one.name in trained))
    judged = Judged(members, parts.whole_validation(), parts.folds())
    ahead = sampling.segments(judged.windows)
    before = _by_channel(earlier, parts.channels, ahead)[0] if earlier else []
    whole, *without = (
        _combination(members, parts, (len(closed), later, before))
        for later in _by_channel(judged, parts.channels, ahead)
    )
    return Combined(whole, tuple(without))


def _combination(
    members: Sequence[Predictor], parts: WindowSplits, given: tuple[int, list[Array | None], list[Array | None]]
) -> Ensemble:
    """Weigh `members`; `given` are how many of them are in closed form, and the moments of the two stretches."""
    count, later, before = given
    evidence = [[_scaled(one, slice(count)) for one in later]]
    if before:
        evidence.append([_scaled(one) for one in before])
    bases = _weights([_sum(found) for found in zip(*evidence, strict=True)])
    choices = [_choices(one, len(members)) for one in bases]
    mixed = [None if one is None else k @ one @ k.swapaxes(1, 2) for k, one in zip(choices, later, strict=True)]
    weights = np.einsum("cjk,cjkm->cjm", np.stack(_weights([_scaled(one) for one in mixed])), np.stack(choices))
    parameters = Members(members=tuple(one.name for one in members), segments=weights.shape[1])
    tensors = {"weights": np.apply_along_axis(kept, 2, weights)}
    return Ensemble.restore(parameters, tensors, parts.window).with_members(members)


def _weights(moments: Sequence[Array | None]) -> list[Array]:
    """Return each channel's weights (J, M) by its own moments (J, M, M) and the mean of all."""
    pooled = np.mean([one for one in moments if one is not None], axis=0)
    return [_by_segment(pooled if one is None else one + pooled) for one in moments]


def _by_segment(moments: Array) -> Array:
    """Return the weights (J, M) of the next segment and of those fed back by their `moments` (J, M, M)."""
    following = convex(moments[0])
    if len(moments) == 1:
        return following[None]
    fed_back = moments[1:] + ALL * moments[1:].mean(axis=0)
    return np.stack([following, *(_drawn(convex(one), following, one) for one in fed_back)])


def _drawn(own: Array, following: Array, moments: Array) -> Array:
    """Draw the weights `own` (M,) of a fed-back segment to those of the next one, as far as its `moments` allow."""
    most = (1 + COST) * float(own @ moments @ own)
    mixtures = (share * following + (1 - share) * own for share in DRAWN)
    return next((mixed for mixed in mixtures if mixed @ moments @ mixed <= most), own)


def _choices(base: Array, count: int) -> Array:
    """Return the mixture `base` (J, M') of the first members and each of the others, as weights (J, 1 + M - M', M)."""
    segments, own = base.shape
    mixture = np.concatenate((base, np.zeros((segments, count - own))), axis=1)
    others = np.broadcast_to(np.eye(count)[own:], (segments, count - own, count))
    return np.concatenate((mixture[:, None], others), axis=1)


def _sum(found: Sequence[Array | None]) -> Array | None:
    known = [one for one in found if one is not None]
    return np.sum(known, axis=0) if known else None


def _scaled(moments: Array | None, members: slice = slice(None)) -> Array | None:
    """Return the moments (J, M, M) of some `members`, the least error of each segment 1."""
    return None if moments is None else np.stack([scaled(one[members, members]) for one in moments])


def _by_channel(judged: Judged, channels: int, ahead: int) -> list[list[Array | None]]:
    """Return the moments of each channel, of all windows and without each stretch."""
    found = [_moments(judged, channel, ahead) for channel in range(channels)]
    return [list(one) for one in zip(*found, strict=True)]


def _moments(judged: Judged, channel: int, ahead: int) -> Sequence[Array | None]:
    """Return the products of the members' errors in each segment and its neighbours, (J, M, M).

    Those of all windows, then without each stretch; None for a channel without a target.
    """
    near = sampling.near(judged.windows, channel)
    if not len(near):
        return [None] * (1 + len(judged.stretches))
    following = _products(judged, near, 1)
    if ahead == 1:
        return following
    each = _products(judged, sampling.far(judged.windows, channel, ahead), ahead)
    return [
        np.stack([one[0], *(all_of[max(1, j - BESIDE) : j + BESIDE + 1].sum(axis=0) for j in range(1, ahead))])
        for one, all_of in zip(following, each, strict=True)
    ]


def _products(judged: Judged, sample: sampling.Sample, ahead: int) -> list[Array]:
    """Return the summed products of all members' errors by segment (J, M, M), as `_moments` does."""
    made = np.stack([sample.made(partial(rollout_from, one)) for one in judged.members])
    return [_summed(made, truth, ahead) for truth in (sample.truth(), *map(sample.without, judged.stretches))]


def _summed(made: Array, truth: Array, ahead: int) -> Array:
    """Return the summed products of what the members `made` (M, O, H) is off the `truth` (O, H), by segment (J, M, M).

    There is no error without a target. Those of an origin count by the root of what the middle one of the
    members is off there.
    """
    there = np.isfinite(truth)
    errors = np.where(there, np.clip(made - truth, -LARGEST, LARGEST), 0.0)
    errors = errors.reshape(*errors.shape[:2], ahead, -1)
    size = np.median(np.square(errors).mean(axis=3), axis=0)
    known = there.reshape(len(truth), ahead, -1).any(axis=2).sum(axis=0)
    mean = size.sum(axis=0) / np.maximum(known, 1)
    share = size / np.where(mean > 0, mean, 1.0)
    errors *= ((share + QUIET) ** -0.25)[:, :, None]
    found: Array = np.einsum("aojn,bojn->jab", errors, errors, optimize=True)
    return found
