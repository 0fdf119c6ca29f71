"""How far off the forecast was on the calibration part: the residuals that the bands are made of.

That part is the last third of the validation targets; nothing else was chosen by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster import sampling
from forecaster.predictors.base import Parts, Predictor
from forecaster.rollout import forecast
from forecaster.windows import Windows

MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


@dataclass(frozen=True)
class Residuals:
    """Scaled forecast errors (O, H) of one channel, NaN beyond the part; how many are separate at each step, (H,)."""

    errors: NDArray[np.float64]
    separate: NDArray[np.int64]


def residuals(predictor: Predictor, parts: Parts, *, carry: bool = False) -> list[Residuals]:
    """Return the forecast errors of each channel on the calibration part.

    The next segment has more origins than the closed loop beyond it, which reaches as far as the
    part has enough of them. With `carry` the predictor's state is carried over each whole recording.
    """
    windows, n_input = parts.calibration, parts.window.n_input
    if windows is None or not len(windows):
        return [Residuals(np.zeros((0, n_input)), np.ones(n_input, dtype=np.int64))] * parts.channels
    made = partial(forecast, predictor, carry=carry)
    return [_of(made, windows, channel, _segments(parts, windows)) for channel in range(parts.channels)]


def _segments(parts: Parts, windows: Windows) -> int:
    """Return how many segments the bands reach."""
    affordable = MAX_QUANTILES // (99 * parts.channels * parts.window.n_input)
    return max(1, min(sampling.segments(windows), affordable))


def _of(made: sampling.Made, windows: Windows, channel: int, ahead: int) -> Residuals:
    """Return the errors of one channel: those of the near origins, then of the far."""
    n_input, near = windows.window.n_input, sampling.near(windows, channel)
    first = near.made(made) - near.truth()
    apart = _separate(near, first, n_input)
    if ahead == 1:
        return Residuals(first, apart)
    far = sampling.far(windows, channel, ahead)
    rest = far.made(made) - far.truth()
    apart = np.concatenate((apart, _separate(far, rest, n_input)[n_input:]))
    rest[:, :n_input] = np.nan
    first = np.pad(first, ((0, 0), (0, rest.shape[1] - n_input)), constant_values=np.nan)
    return Residuals(np.concatenate((first, rest)), apart)


def _separate(sample: sampling.Sample, errors: NDArray[np.float64], n_input: int) -> NDArray[np.int64]:
    """Return for each step how many segments the origins that have a target there are spread over, (H,)."""
    segments = [(k << 40) + one.rows // n_input for k, one in enumerate(sample.origins)]
    place = np.concatenate([np.zeros(0, dtype=np.int64), *segments])
    known = ~np.isnan(errors[:, n_input - 1 :: n_input])
    found = np.array([max(1, len(np.unique(place[column]))) for column in known.T], dtype=np.int64)
    return np.repeat(found, n_input)
