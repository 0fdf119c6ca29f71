"""Residuals: the errors of a forecast on the validation part, in units of its local scale. The bands are made of them.

The weights of an ensemble are found on the validation part, too. So the residuals of each fold of it, a third, are
those of weights that were found without that fold.

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
from forecaster.conformal.sample_size import effective_sample_sizes
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors import Predictor
from forecaster.signal import sampling
from forecaster.signal.origins import ForecastFn
from forecaster.signal.splits import WindowSplits
from forecaster.signal.windows import Windows

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

    The next segment has more origins than the recursive segments beyond it, which reach as far as a third of the
    targets are left at their last step.

    Args:
        predictor: What forecasts.
        splits: The windows of the validation part.
        fold_predictors: For each fold the predictor as it was found without that fold; `predictor` if left out.
        stateful: Whether the predictor's state runs on over each whole recording.
    """
    n_input, windows = splits.window.n_input, splits.folds()
    if not windows:
        return [Residuals(np.zeros((0, n_input)), np.ones(n_input, dtype=np.int64), 0.0)] * splits.channels
    pairs = zip(fold_predictors or [predictor] * len(windows), windows, strict=True)
    folds = [Fold(partial(rollout_from, found, stateful=stateful), part) for found, part in pairs]
    affordable = MAX_QUANTILES // (99 * splits.channels * n_input)
    segments = max(1, min(sampling.segments(splits.whole_validation()), affordable))
    return [_residuals_of(folds, channel, segments) for channel in range(splits.channels)]


def _residuals_of(folds: Sequence[Fold], channel: int, segments: int) -> Residuals:
    """Return the residuals of one channel: those of the many near origins, then those of the fewer far ones."""
    samples, errors = _errors(folds, channel, 1)
    reference_mse = _mean_square(errors[-1])
    near, near_sizes = _in_local_units(folds, samples, errors, reference_mse)
    if segments == 1:
        return Residuals(near, near_sizes, reference_mse)
    far, far_sizes = _in_local_units(folds, *_errors(folds, channel, segments), reference_mse)
    n_input = near.shape[1]
    # The next segment is told by the near origins alone, what is recursive by the far ones.
    far[:, :n_input] = np.nan
    near = np.pad(near, ((0, 0), (0, far.shape[1] - n_input)), constant_values=np.nan)
    sizes = np.concatenate((near_sizes, far_sizes[n_input:]))
    return Residuals(np.concatenate((near, far)), sizes, reference_mse)


def _errors(folds: Sequence[Fold], channel: int, segments: int) -> tuple[list[sampling.Sample], list[Array]]:
    """Return origins for each fold, and the forecast errors from them, (O, H)."""
    samples = sampling.of_folds([fold.windows for fold in folds], channel, segments)
    errors = [s.forecasts(fold.forecast_fn) - s.y_true() for s, fold in zip(samples, folds, strict=True)]
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
            reference = np.full(sample.origins[0].channel + 1, reference_mse)
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
