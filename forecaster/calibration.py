"""How far off the forecast was on the calibration part: the residuals that the bands are made of.

That part is the last third of the validation targets; nothing else was chosen by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster import sampling
from forecaster.local_scale import local_scale
from forecaster.predictors.base import Parts, Predictor
from forecaster.rollout import forecast
from forecaster.windows import Windows

LARGEST, HUGE = 1e300, 1e100
STEPS = 64
"""Steps whose errors are transformed at once."""
MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


@dataclass(frozen=True)
class Residuals:
    """Forecast errors (O, H) of one channel in units of the local scale, NaN outside the part.

    `separate` (H,) tells how many independent ones they are worth at each step; `reference` is the mean square
    error of the next segment, scaled, 0 if it cannot be told.
    """

    errors: NDArray[np.float64]
    separate: NDArray[np.int64]
    reference: float


def residuals(predictor: Predictor, parts: Parts, *, carry: bool = False) -> list[Residuals]:
    """Return the forecast errors of each channel on the calibration part.

    The next segment has more origins than the closed loop beyond it, which reaches as far as the part
    has enough of them. That loop may begin in the part that chose: what it is compared with lies in this
    one. With `carry` the predictor's state is carried over each whole recording.
    """
    windows, n_input = parts.calibration, parts.window.n_input
    if windows is None or not len(windows):
        return [Residuals(np.zeros((0, n_input)), np.ones(n_input, dtype=np.int64), 0.0)] * parts.channels
    made = partial(forecast, predictor, carry=carry)
    return [
        _of(made, (parts.validation, windows), channel, _segments(parts, windows)) for channel in range(parts.channels)
    ]


def _segments(parts: Parts, windows: Windows) -> int:
    """Return how many segments the bands reach."""
    affordable = MAX_QUANTILES // (99 * parts.channels * parts.window.n_input)
    return max(1, min(sampling.segments(windows), affordable))


def _of(made: sampling.Made, given: tuple[Windows, Windows], channel: int, ahead: int) -> Residuals:
    """Return the errors of one channel, of the near origins, then of the far; `given` the part before and this one."""
    before, windows = given
    n_input, near = windows.window.n_input, sampling.near(windows, channel)
    plain = near.made(made) - near.truth()
    usual = _mean_square(plain)
    first = plain / _scale(made, near, windows, usual)
    apart = _separate(near, first)
    if ahead == 1:
        return Residuals(first, apart, usual)
    far = sampling.reaching(windows, before, channel, ahead)
    rest = (far.made(made) - far.truth()) / _scale(made, far, windows, usual)
    apart = np.concatenate((apart, _separate(far, rest)[n_input:]))
    rest[:, :n_input] = np.nan
    first = np.pad(first, ((0, 0), (0, rest.shape[1] - n_input)), constant_values=np.nan)
    return Residuals(np.concatenate((first, rest)), apart, usual)


def _mean_square(errors: NDArray[np.float64]) -> float:
    """Return the mean square of the errors that are known; 0 if it is not finite."""
    with np.errstate(over="ignore"):
        squares = np.square(errors[~np.isnan(errors)])
        mean = float(squares.mean()) if squares.size else 0.0
    return mean if mean <= LARGEST else 0.0


def _scale(made: sampling.Made, sample: sampling.Sample, windows: Windows, usual: float) -> NDArray[np.float64]:
    """Return the local scale at each origin of a channel, (O, 1)."""
    if not sample.origins:
        return np.ones((0, 1))
    reference = np.full(sample.origins[0].channel + 1, usual)
    return local_scale(made, sample.origins, windows.window, reference)[:, None]


def _separate(sample: sampling.Sample, errors: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each step how many independent origins those that have a target there are worth, (H,)."""
    known = (~np.isnan(errors)).sum(axis=0)
    sizes = [len(one) for one in sample.origins]
    worth = sum(_effective(np.abs(run)) for run in np.split(errors, np.cumsum(sizes)[:-1])) if sizes else 0.0
    return np.maximum(1, known * worth / max(1, len(errors))).astype(np.int64)


def _effective(errors: NDArray[np.float64]) -> float:
    """Return the effective number of the origins of one run by the autocorrelation of their absolute `errors` (O, H).

    It is summed over the lags until it first falls to 0.

    Source: Geyer 1992, "Practical Markov Chain Monte Carlo", section 3.3.
    """
    count = len(errors)
    held = np.minimum(errors, HUGE)
    weights = ~np.isnan(held)
    mean = np.where(weights, held, 0).sum(axis=0) / np.maximum(1, weights.sum(axis=0))
    power = np.zeros(count + 1)
    for begin in range(0, errors.shape[1], STEPS):
        some = slice(begin, begin + STEPS)
        rest = np.where(weights[:, some], held[:, some] - mean[some], 0)
        power += (np.abs(np.fft.rfft(rest, 2 * count, axis=0)) ** 2).sum(axis=1)
    covariance = np.fft.irfft(power, 2 * count)[:count]
    if not covariance[0] > 0:
        return float(count)
    correlation = covariance / covariance[0]
    first = int(np.argmax(correlation <= 0)) or count
    return float(count / (1 + 2 * correlation[1:first].sum()))
