"""Residuals on the validation part, of which the bands are made, and how many independent ones they are worth.

A residual is the error of a forecast in units of its local scale. The weights of an ensemble are found on the
validation part, too. So the residuals of each fold of it, a third, are those of weights that were found without that
fold.

Origins lie a few samples apart, so their targets overlap and their errors resemble each other. A quantile of them is as
uncertain as one of far fewer independent errors. That number is the effective sample size.

Source: Vovk 2015, "Cross-conformal predictors"; Barber, Candes, Ramdas, Tibshirani 2021, "Predictive inference with the
jackknife+", section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster.conformal.local_scale import LOOKBACK, local_scale
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors import Predictor
from forecaster.signal import sampling
from forecaster.signal.origins import ForecastFn
from forecaster.signal.windows import Windows, WindowSplits

Array = NDArray[np.float64]
# A mean square error beyond this counts as unknown.
LARGEST = 1e300
# Quantiles of all channels and steps together: 16 MB in the model folder.
MAX_QUANTILES = 4_000_000


@dataclass(frozen=True)
class Residuals:
    """The residuals of one channel.

    Attributes:
        errors: (O, H), in units of the local scale, NaN where a target lies outside the fold.
        effective_sizes: (H,), how many independent residuals those of each step are worth.
        reference_mse: The mean square error of the next segment in the last fold, scaled; 0 if it cannot be told.

    Where windows are normalised, an error is one in units of its context's spread.
    """

    errors: Array
    effective_sizes: NDArray[np.int64]
    reference_mse: float


@dataclass(frozen=True)
class Fold:
    """Windows of the validation part, and the forecast of a predictor that was found without them."""

    forecast_fn: ForecastFn
    windows: Windows


def residuals(
    predictor: Predictor, splits: WindowSplits, fold_predictors: Sequence[Predictor] = (), *, stateful: bool = False
) -> list[Residuals]:
    """Return the residuals of each channel on the validation part.

    The next segment has more origins than the recursive segments beyond it. These reach so far ahead that their last
    step still has a third of the targets.

    Args:
        predictor: What forecasts.
        splits: The windows of the validation part.
        fold_predictors: For each fold the predictor that was found without it; `predictor` for all if left out.
        stateful: Whether the predictor's state runs on over each whole recording.
    """
    n_input, windows = splits.window.n_input, splits.folds()
    if not windows:
        return [Residuals(np.zeros((0, n_input)), np.ones(n_input, dtype=np.int64), 0.0)] * splits.channels
    fitted = fold_predictors or [predictor] * len(windows)
    folds = [Fold(partial(rollout_from, p, stateful=stateful), part) for p, part in zip(fitted, windows, strict=True)]
    affordable = MAX_QUANTILES // (99 * splits.channels * n_input)
    segments = max(1, min(sampling.segments(splits.whole_validation()), affordable))
    return [_residuals_of(folds, channel, segments) for channel in range(splits.channels)]


def _residuals_of(folds: Sequence[Fold], channel: int, segments: int) -> Residuals:
    """Return the residuals of one channel: those of the many near origins, then those of the few far ones."""
    samples, errors = _errors(folds, channel, 1)
    reference_mse = _mean_square(errors[-1])
    near, near_sizes = _in_local_units(folds, samples, errors, reference_mse)
    if segments == 1:
        return Residuals(near, near_sizes, reference_mse)
    far, far_sizes = _in_local_units(folds, *_errors(folds, channel, segments), reference_mse)
    n_input = near.shape[1]
    # The near origins alone tell how wide the next segment's bands are, the far ones those of recursive segments.
    far[:, :n_input] = np.nan
    near = np.pad(near, ((0, 0), (0, far.shape[1] - n_input)), constant_values=np.nan)
    sizes = np.concatenate((near_sizes, far_sizes[n_input:]))
    return Residuals(np.concatenate((near, far)), sizes, reference_mse)


def _errors(folds: Sequence[Fold], channel: int, segments: int) -> tuple[list[sampling.Sample], list[Array]]:
    """Return origins for each fold, and the forecast errors from them, (O, H)."""
    samples = sampling.of_folds([fold.windows for fold in folds], channel, segments)
    errors = [
        (sample.forecasts(fold.forecast_fn) - sample.y_true()) / sample.spreads(fold.windows.window)
        for sample, fold in zip(samples, folds, strict=True)
    ]
    return samples, errors


def _mean_square(errors: Array) -> float:
    """Return the mean square of the errors that are not NaN; 0 if it is not finite."""
    with np.errstate(over="ignore"):
        squares = np.square(errors[~np.isnan(errors)])
        mean = float(squares.mean()) if squares.size else 0.0
    return mean if mean <= LARGEST else 0.0


def _in_local_units(
    folds: Sequence[Fold], samples: Sequence[sampling.Sample], errors: Sequence[Array], reference_mse: float
) -> tuple[Array, NDArray[np.int64]]:
    """Return the errors of all folds in units of the local scale, (O, H), and their effective sizes, (H,)."""
    scaled = []
    for fold, sample, fold_errors in zip(folds, samples, errors, strict=True):
        scale = np.ones((0, sample.horizon))
        if sample.origins:
            reference = reference_mse * np.square(sample.spreads(fold.windows.window)[:, 0])
            scale = local_scale(
                fold.forecast_fn,
                sample.origins,
                fold.windows.window,
                reference,
                horizon=sample.horizon,
                lookback=LOOKBACK,
            )
        scaled.append(fold_errors / scale)
    return np.concatenate(scaled), effective_sample_sizes(samples, scaled)


# --- the effective sample size ----------------------------------------------------------

# Errors are compared by whether they exceed the bound that covers this share: that of the default band.
COVERED = 0.9
# A residual beyond this counts as this.
HUGE = 1e100
# Steps whose errors are transformed at once.
STEPS = 64


def effective_sample_sizes(samples: Sequence[sampling.Sample], errors: Sequence[Array]) -> NDArray[np.int64]:
    """Return for each step the number of independent origins that its origins are worth, (H,).

    `errors` (O, H) has those of each fold. The folds of a run are one sequence.
    """
    runs: dict[int, list[Array]] = {}
    for sample, fold in zip(samples, _centred(errors), strict=True):
        sizes = [len(origins) for origins in sample.origins]
        for run, values in zip(sample.runs, np.split(fold, np.cumsum(sizes)[:-1]), strict=False):
            runs.setdefault(run, []).append(values)
    counts = np.sum([(~np.isnan(fold)).sum(axis=0) for fold in errors], axis=0)
    inefficiency = statistical_inefficiency([np.concatenate(values) for values in runs.values()])
    return np.maximum(1, counts / inefficiency).astype(np.int64)


def _centred(errors: Sequence[Array]) -> list[Array]:
    """Return for each fold the centred series (O, H) whose autocorrelation is used.

    Bands are bounds on the errors. So the series says whether an error exceeds the bound of 90 % of all errors. Where
    too few do, it has the size of each error instead.

    Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, "Rank-normalization, folding, and localization", section
    4: the effective sample size of a quantile.
    """
    sizes = np.minimum(np.abs(np.concatenate(errors)), HUGE)
    is_known = ~np.isnan(sizes)
    counts = np.maximum(1, is_known.sum(axis=0))
    if len(sizes) * (1 - COVERED) >= sampling.FEWEST:
        place = np.ceil(COVERED * counts).astype(np.int64) - 1
        bound = np.take_along_axis(np.sort(sizes, axis=0), place[None], axis=0)  # NaN stands last
        sizes = np.where(is_known, (sizes > bound) | (sizes == HUGE), np.nan)
    means = np.where(is_known, sizes, 0).sum(axis=0) / counts
    return np.split(sizes - means, np.cumsum([len(fold) for fold in errors])[:-1])


def statistical_inefficiency(runs: Sequence[Array]) -> float:
    """Return the statistical inefficiency of the centred `runs`, each (O, H): at least 1.

    It is 1 + twice the sum of their autocorrelations, over the lags until these first fall to 0.

    Source: Geyer 1992, "Practical Markov Chain Monte Carlo", section 3.3.
    """
    covariance = np.zeros(max((len(run) for run in runs), default=1))
    for run in runs:
        covariance[: len(run)] += _autocovariance(np.nan_to_num(run))
    if not covariance[0] > 0:
        return 1.0
    correlation = covariance / covariance[0]
    first = int(np.argmax(correlation <= 0)) or len(correlation)
    return float(1 + 2 * correlation[1:first].sum())


def _autocovariance(run: Array) -> Array:
    """Return the sum of the products of `run` (O, H) with itself by lag, (O,), over all steps."""
    count = len(run)
    power = np.zeros(count + 1)
    for begin in range(0, run.shape[1], STEPS):
        power += (np.abs(np.fft.rfft(run[:, begin : begin + STEPS], 2 * count, axis=0)) ** 2).sum(axis=1)
    covariance: Array = np.fft.irfft(power, 2 * count)[:count]
    return covariance
