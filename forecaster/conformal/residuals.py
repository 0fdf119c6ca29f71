"""How far off the forecast was on the validation part: the residuals that the bands are made of.

The weights of a combination are found on that part, too. So the errors in each third of it are of weights that
were found without that third.

Source: Vovk 2015, "Cross-conformal predictors"; Barber, Candes, Ramdas, Tibshirani 2021, "Predictive
inference with the jackknife+", section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster.conformal.local_scale import LOOKBACK, local_scale
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors.base import Predictor
from forecaster.signal import sampling
from forecaster.signal.splits import WindowSplits
from forecaster.signal.windows import Windows

Array = NDArray[np.float64]
LARGEST, HUGE = 1e300, 1e100
COVERED = 0.9
"""The bound that errors are counted beyond: that of the default band."""
STEPS = 64
"""Steps whose errors are transformed at once."""
MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


@dataclass(frozen=True)
class Residuals:
    """Forecast errors (O, H) of one channel in units of the local scale, NaN outside the part.

    `separate` (H,) tells how many independent ones they are worth at each step; `reference` is the mean square
    error of the next segment in the last third, scaled, 0 if it cannot be told.
    """

    errors: Array
    separate: NDArray[np.int64]
    reference: float


@dataclass(frozen=True)
class Stretch:
    """Windows of the validation part, and what forecasts that was found without them: origins, horizon -> (O, H)."""

    made: sampling.Made
    windows: Windows


def residuals(
    predictor: Predictor, parts: WindowSplits, without: Sequence[Predictor] = (), *, carry: bool = False
) -> list[Residuals]:
    """Return the forecast errors of each channel on the validation part.

    `without` are, for each stretch of it, the predictor as it was found without that stretch; left out, it is
    `predictor` everywhere. The next segment has more origins than the closed loop beyond it, which reaches as far as
    a third of the targets are left at its last step. With `carry` the predictor's state is carried over each whole
    recording.
    """
    n_input, windows = parts.window.n_input, parts.folds()
    if not windows:
        return [Residuals(np.zeros((0, n_input)), np.ones(n_input, dtype=np.int64), 0.0)] * parts.channels
    pairs = zip(without or [predictor] * len(windows), windows, strict=True)
    found = [Stretch(partial(rollout_from, one, stateful=carry), own) for one, own in pairs]
    affordable = MAX_QUANTILES // (99 * parts.channels * n_input)
    ahead = max(1, min(sampling.segments(parts.whole_validation()), affordable))
    return [_of(found, channel, ahead) for channel in range(parts.channels)]


def _of(stretches: Sequence[Stretch], channel: int, ahead: int) -> Residuals:
    """Return the errors of one channel, of the near origins, then of the far."""
    near, plain = _off(stretches, channel, 1)
    usual = _mean_square(plain[-1])
    first, apart = _scaled(stretches, near, plain, usual)
    if ahead == 1:
        return Residuals(first, apart, usual)
    rest, later = _scaled(stretches, *_off(stretches, channel, ahead), usual)
    n_input = first.shape[1]
    rest[:, :n_input] = np.nan
    first = np.pad(first, ((0, 0), (0, rest.shape[1] - n_input)), constant_values=np.nan)
    return Residuals(np.concatenate((first, rest)), np.concatenate((apart, later[n_input:])), usual)


def _off(stretches: Sequence[Stretch], channel: int, ahead: int) -> tuple[list[sampling.Sample], list[Array]]:
    """Return origins for each stretch, and how far off the forecasts from them are there."""
    samples = sampling.stretches([one.windows for one in stretches], channel, ahead)
    return samples, [sample.made(one.made) - sample.truth() for sample, one in zip(samples, stretches, strict=True)]


def _scaled(
    stretches: Sequence[Stretch], samples: Sequence[sampling.Sample], errors: Sequence[Array], usual: float
) -> tuple[Array, NDArray[np.int64]]:
    """Return the errors of all stretches in units of the local scale (O, H), and what they are worth at each step."""
    found = [
        plain / _scale(one.made, sample, one.windows, usual)
        for one, sample, plain in zip(stretches, samples, errors, strict=True)
    ]
    return np.concatenate(found), _separate(samples, found)


def _mean_square(errors: Array) -> float:
    """Return the mean square of the errors that are known; 0 if it is not finite."""
    with np.errstate(over="ignore"):
        squares = np.square(errors[~np.isnan(errors)])
        mean = float(squares.mean()) if squares.size else 0.0
    return mean if mean <= LARGEST else 0.0


def _scale(made: sampling.Made, sample: sampling.Sample, windows: Windows, usual: float) -> Array:
    """Return the local scale at each origin of a channel and each step, (O, H)."""
    if not sample.origins:
        return np.ones((0, sample.horizon))
    reference = np.full(sample.origins[0].channel + 1, usual)
    return local_scale(made, sample.origins, windows.window, reference, horizon=sample.horizon, lookback=LOOKBACK)


def _separate(samples: Sequence[sampling.Sample], errors: Sequence[Array]) -> NDArray[np.int64]:
    """Return for each step how many independent origins those that have a target there are worth, (H,).

    The stretches of a run are looked at as one.
    """
    runs: dict[int, list[Array]] = {}
    for sample, found in zip(samples, _compared(errors), strict=True):
        sizes = [len(one) for one in sample.origins]
        for run, own in zip(sample.runs, np.split(found, np.cumsum(sizes)[:-1]), strict=False):
            runs.setdefault(run, []).append(own)
    known = np.sum([(~np.isnan(one)).sum(axis=0) for one in errors], axis=0)
    return np.maximum(1, known / _overlap([np.concatenate(one) for one in runs.values()])).astype(np.int64)


def _compared(errors: Sequence[Array]) -> list[Array]:
    """Return of the `errors` (O, H) what tells how they resemble each other, less its mean at each step.

    Bands are bounds on the errors: it is whether one exceeds the bound of 90 % of all, or, where too few do, its size.

    Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, "Rank-normalization, folding, and localization",
    section 4: the effective sample size of a quantile.
    """
    sizes = np.minimum(np.abs(np.concatenate(errors)), HUGE)
    known = ~np.isnan(sizes)
    counts = np.maximum(1, known.sum(axis=0))
    if len(sizes) * (1 - COVERED) >= sampling.FEWEST:
        place = np.ceil(COVERED * counts).astype(np.int64) - 1
        bound = np.take_along_axis(np.sort(sizes, axis=0), place[None], axis=0)  # NaN stands last
        sizes = np.where(known, (sizes > bound) | (sizes == HUGE), np.nan)
    means = np.where(known, sizes, 0).sum(axis=0) / counts
    return np.split(sizes - means, np.cumsum([len(one) for one in errors])[:-1])


def _overlap(runs: Sequence[Array]) -> float:
    """Return how many origins of `runs` (O, H), which come less their mean, are worth one: at least 1.

    Their autocorrelation is summed over the lags until it first falls to 0.

    Source: Geyer 1992, "Practical Markov Chain Monte Carlo", section 3.3.
    """
    covariance = np.zeros(max((len(one) for one in runs), default=1))
    for one in runs:
        covariance[: len(one)] += _covariance(np.nan_to_num(one))
    if not covariance[0] > 0:
        return 1.0
    correlation = covariance / covariance[0]
    first = int(np.argmax(correlation <= 0)) or len(correlation)
    return float(1 + 2 * correlation[1:first].sum())


def _covariance(run: Array) -> Array:
    """Return the sum of the products of `run` (O, H) with itself by lag, (O,), over all steps."""
    count = len(run)
    power = np.zeros(count + 1)
    for begin in range(0, run.shape[1], STEPS):
        power += (np.abs(np.fft.rfft(run[:, begin : begin + STEPS], 2 * count, axis=0)) ** 2).sum(axis=1)
    found: Array = np.fft.irfft(power, 2 * count)[:count]
    return found
