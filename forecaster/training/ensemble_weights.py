"""The weights of an ensemble, fitted on targets that no member was fitted on.

For each channel and segment the convex weights with the least squared error of the mixture are found
in two stages. The first mixes the members in closed form, on the validation part and on a holdout fold
of the training part. The second mixes that mixture and the networks, on the validation part alone. The
problem is small and has few origins, so four rules keep the weights from following chance:

- An origin where most members are far off counts less, so that a few loud moments do not decide.
- A channel's errors count half, and the mean of all channels' errors half.
- A recursive segment has fewer origins still: its errors count a quarter, and those of all recursive
  segments three quarters.
- Its weights are moved towards those of the next segment, by two thirds, or less far where that
  would cost too much.

For the holdout fold the members in closed form are fitted once more, on the beginning of the training
part. What comes after it is then as new to them as the test part will be, and much longer than the
validation part. So a season, a level or a loud hour that the validation part happens to hold does not
decide alone. A network takes too long to be trained twice.

The weights are also fitted without each fold of the validation part, so that the bands can use the same
targets.

Source: Breiman, "Stacked Regressions" (1996), for the weights; Tashman, "Out-of-sample Tests of
Forecasting Accuracy" (2000), rolling origins, for the holdout fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors import Ensemble, Predictor
from forecaster.predictors.base import Array
from forecaster.predictors.ensemble import Members, convex, relative, without_small
from forecaster.signal import sampling
from forecaster.signal.context import Index
from forecaster.signal.training_range import LevelRanges, level_ranges
from forecaster.signal.windows import Runs, Windows, WindowSplits

# Where the holdout fold's training and validation targets end, as shares of the training part; the rest is held out.
FIT_UNTIL, VALIDATE_UNTIL = 0.6, 0.7
# A recursive segment is weighed together with so many segments on either side of it.
NEIGHBOURS = 5
# The weight of all recursive segments beside a segment's own errors.
ALL_SEGMENTS = 3
# How far the weights of a recursive segment may be moved to those of the next one: the first share that makes
# the squared error grow by no more than TOLERANCE is taken.
SHRINKAGE = (2 / 3, 1 / 2, 1 / 3, 1 / 6)
TOLERANCE = 0.1
# Errors beyond this, in scaled units, count as this: a member that ran away shall not overflow.
LARGEST_ERROR = 1e6
# No origin counts as quieter than this share of the mean square error.
QUIETEST = 1e-3

# For each channel the products of the members' errors by segment (J, M, M); None for a channel without a target.
Moments = list[Array | None]


class HeldOut(NamedTuple):
    """Predictors, and windows that none of them was fitted on; `folds` are parts of the windows."""

    members: Sequence[Predictor]
    windows: Windows
    folds: Sequence[Windows] = ()


class FittedEnsemble(NamedTuple):
    """The ensemble, and for each fold of the validation part the ensemble whose weights were fitted without it."""

    ensemble: Ensemble
    fold_ensembles: tuple[Ensemble, ...]


def fit_ensemble(members: Sequence[Predictor], splits: WindowSplits, holdout: HeldOut | None = None) -> FittedEnsemble:
    """Return the convex mixture of `members` that is best on the validation part and the holdout fold.

    `holdout` has the members in closed form once more, in the same order, as they were fitted on the fold.
    """
    closed_form = [predictor for predictor in members if predictor.is_closed_form]
    members = (*closed_form, *(predictor for predictor in members if not predictor.is_closed_form))
    validation = HeldOut(members, splits.whole_validation(), splits.folds())
    segments = sampling.segments(validation.windows)
    holdout_moments = _moments_by_channel(holdout, splits.channels, segments)[0] if holdout else []
    ranges = None if splits.window.normalised else level_ranges(splits.training)
    ensemble, *fold_ensembles = (
        _ensemble(members, Evidence(moments, holdout_moments), ranges, splits.window)
        for moments in _moments_by_channel(validation, splits.channels, segments)
    )
    return FittedEnsemble(ensemble, tuple(fold_ensembles))


# --- the holdout fold -------------------------------------------------------------------


class HoldoutFold(NamedTuple):
    """Windows of the training part to fit on, and the windows behind them that are held out."""

    splits: WindowSplits
    holdout: Windows


def holdout_fold(splits: WindowSplits) -> HoldoutFold | None:
    """Return the holdout fold of the training part; None if one of its three pieces has no window.

    Each channel has mean 0 over the rows that are fitted on, for the scaler has seen the rows that are held out.
    Normalised windows need no such mean.
    """
    training = splits.training
    dense = training.window.model_copy(update={"stride": 1})
    pieces = []
    shares = ((0, FIT_UNTIL, training.window), (FIT_UNTIL, VALIDATE_UNTIL, dense), (VALIDATE_UNTIL, 1, dense))
    for begin, end, window in shares:
        first, last = (training.first + np.rint(share * training.covered).astype(np.int64) for share in (begin, end))
        pieces.append(Windows.between(training.runs, (first, last), window))
    if not all(len(windows) for windows in pieces):
        return None
    runs = training.runs if training.window.normalised else _centred_runs(pieces[0])
    fit, validation, holdout = (replace(windows, runs=runs) for windows in pieces)
    return HoldoutFold(WindowSplits(fit, validation), holdout)


def _centred_runs(windows: Windows) -> Runs:
    """Return the runs, from which every channel's mean over the rows of `windows` is subtracted."""
    runs, flat = windows.runs, windows.runs.flat.copy()
    for channel in np.unique(runs.channel):
        of_channel = np.flatnonzero(runs.channel == channel)
        stretches = [windows.stretch(int(r)) for r in of_channel if windows.count[r]]
        rows = sum(len(stretch) for stretch in stretches)
        mean = sum(float(stretch.sum(dtype=np.float64)) for stretch in stretches) / max(1, rows)
        for r in of_channel:
            flat[runs.start[r] : runs.start[r] + runs.length[r]] -= np.float32(mean)
    return replace(runs, flat=flat)


# --- from moments to weights ------------------------------------------------------------


class Evidence(NamedTuple):
    """The moments of the errors on the validation part, and those of the members in closed form on the holdout fold."""

    validation: Moments
    holdout: Moments

    def of_members(self, chosen: Index) -> Evidence:
        """Return the evidence on the members `chosen` alone, in their order."""
        return Evidence(*([_of_members(moments, chosen) for moments in part] for part in self))


def _ensemble(members: Sequence[Predictor], evidence: Evidence, ranges: LevelRanges | None, window: Window) -> Ensemble:
    """Return the ensemble of `members`, those in closed form first; `ranges` are those of the training part."""
    is_closed_form = np.array([predictor.is_closed_form for predictor in members])
    tensors = {"weights": _weights(evidence, is_closed_form)}
    following = np.flatnonzero([predictor.follows_level for predictor in members])
    if ranges is not None:
        tensors["level_weights"] = np.zeros_like(tensors["weights"])
        only_following = evidence.of_members(following)
        tensors["level_weights"][:, :, following] = _weights(only_following, is_closed_form[following])
        tensors |= {"context_levels": ranges.context, "segment_levels": ranges.segment, "largest_jump": ranges.jump}
    names = tuple(predictor.name for predictor in members)
    parameters = Members(members=names, segments=tensors["weights"].shape[1], levels=ranges is not None, seamless=True)
    return Ensemble.restore(parameters, tensors, window).with_members(members)


def _weights(evidence: Evidence, is_closed_form: NDArray[np.bool_]) -> Array:
    """Return the weights (C, J, M) of members, those in closed form first."""
    n_closed_form = int(is_closed_form.sum())
    # First the members in closed form, by all that is held out ...
    parts = [[_relative(moments, n_closed_form) for moments in evidence.validation]]
    if evidence.holdout:
        parts.append([_relative(moments) for moments in evidence.holdout])
    mixtures = channel_weights([_sum(of_channel) for of_channel in zip(*parts, strict=True)])
    # ... then their mixture and each network, by validation: the candidates (J, 1 + networks, M).
    candidates = [_with_networks(mixture, len(is_closed_form)) for mixture in mixtures]
    moments_of_candidates = [
        None if moments is None else weights @ moments @ weights.swapaxes(1, 2)
        for weights, moments in zip(candidates, evidence.validation, strict=True)
    ]
    shares = channel_weights([_relative(moments) for moments in moments_of_candidates])
    weights = np.einsum("cjk,cjkm->cjm", np.stack(shares), np.stack(candidates))
    return np.apply_along_axis(without_small, 2, weights)


def _of_members(moments: Array | None, chosen: Index) -> Array | None:
    """Return the `moments` (J, M, M) of the members `chosen`, of which the holdout fold has only some."""
    if moments is None:
        return None
    there = chosen[chosen < moments.shape[1]]
    return moments[:, there[:, None], there]


def channel_weights(moments: Moments) -> list[Array]:
    """Return the weights (J, M) of each channel, by its moments and the mean of all channels' moments."""
    pooled = np.mean([of_channel for of_channel in moments if of_channel is not None], axis=0)
    return [segment_weights(pooled if of_channel is None else of_channel + pooled) for of_channel in moments]


def segment_weights(moments: Array) -> Array:
    """Return the weights (J, M) of the next segment and of the recursive ones by their `moments` (J, M, M)."""
    following = convex(moments[0])
    if len(moments) == 1:
        return following[None]
    recursive = moments[1:] + ALL_SEGMENTS * moments[1:].mean(axis=0)
    return np.stack([following, *(_shrunk(convex(segment), following, segment) for segment in recursive)])


def _shrunk(weights: Array, following: Array, moments: Array) -> Array:
    """Return the `weights` (M,) of a recursive segment moved towards those of the next, as far as `moments` allow."""
    largest = (1 + TOLERANCE) * float(weights @ moments @ weights)
    mixtures = (share * following + (1 - share) * weights for share in SHRINKAGE)
    return next((mixture for mixture in mixtures if mixture @ moments @ mixture <= largest), weights)


def _with_networks(mixture: Array, n_members: int) -> Array:
    """Return the `mixture` (J, M') of the first M' members, then each other member alone, as weights of all M."""
    segments, n_mixed = mixture.shape
    padded = np.concatenate((mixture, np.zeros((segments, n_members - n_mixed))), axis=1)
    alone = np.broadcast_to(np.eye(n_members)[n_mixed:], (segments, n_members - n_mixed, n_members))
    return np.concatenate((padded[:, None], alone), axis=1)


def _relative(moments: Array | None, members: int | None = None) -> Array | None:
    """Return the moments of the first `members`, in each segment as multiples of the best member's error."""
    if moments is None:
        return None
    return np.stack([relative(segment[:members, :members]) for segment in moments])


def _sum(moments: Sequence[Array | None]) -> Array | None:
    with_targets = [array for array in moments if array is not None]
    return np.sum(with_targets, axis=0) if with_targets else None


# --- moments of errors ------------------------------------------------------------------


def _moments_by_channel(held_out: HeldOut, channels: int, segments: int) -> list[Moments]:
    """Return the moments of all windows, then those without each fold."""
    by_channel = [_moments(held_out, channel, segments) for channel in range(channels)]
    return [list(moments) for moments in zip(*by_channel, strict=True)]


def _moments(held_out: HeldOut, channel: int, segments: int) -> Sequence[Array | None]:
    """Return the moments of a channel (J, M, M), of all windows, then those without each fold.

    A recursive segment's are summed with those of its neighbours.
    """
    near = sampling.near(held_out.windows, channel)
    if not len(near):
        return [None] * (1 + len(held_out.folds))
    next_segment = _products(held_out, near, 1)
    if segments == 1:
        return next_segment
    # Fewer origins for the far segments: each costs a recursive forecast of every member.
    far = _products(held_out, sampling.far(held_out.windows, channel, segments), segments)
    return [
        np.stack(
            [
                following[0],
                *(by_segment[max(1, j - NEIGHBOURS) : j + NEIGHBOURS + 1].sum(axis=0) for j in range(1, segments)),
            ]
        )
        for following, by_segment in zip(next_segment, far, strict=True)
    ]


def _products(held_out: HeldOut, sample: sampling.Sample, segments: int) -> list[Array]:
    """Return the summed products of all members' errors by segment (J, M, M), of all targets and without each fold.

    Where windows are normalised, errors count in units of the context's spread.
    """
    spreads = sample.spreads(held_out.windows.window)
    y_hat = np.stack([sample.forecasts(partial(rollout_from, predictor)) for predictor in held_out.members]) / spreads
    targets = (sample.y_true(), *map(sample.y_true_without, held_out.folds))
    return [_error_products(y_hat, y_true / spreads, segments) for y_true in targets]


def _error_products(y_hat: Array, y_true: Array, segments: int) -> Array:
    """Return the summed products of the errors of `y_hat` (M, O, H) by segment (J, M, M), each origin weighed.

    A `y_true` (O, H) that is NaN gives no error. An origin is weighted by 1 / sqrt(s), s being the squared error of
    its median member.
    """
    finite = np.isfinite(y_true)
    errors = np.where(finite, np.clip(y_hat - y_true, -LARGEST_ERROR, LARGEST_ERROR), 0.0)
    errors = errors.reshape(*errors.shape[:2], segments, -1)
    square = np.median(np.square(errors).mean(axis=3), axis=0)
    n_origins = finite.reshape(len(y_true), segments, -1).any(axis=2).sum(axis=0)
    mean = square.sum(axis=0) / np.maximum(n_origins, 1)
    share = square / np.where(mean > 0, mean, 1.0)
    # Each of the two factors of a product gets half of the weight, hence the fourth root.
    errors *= ((share + QUIETEST) ** -0.25)[:, :, None]
    products: Array = np.einsum("aojn,bojn->jab", errors, errors, optimize=True)
    return products
