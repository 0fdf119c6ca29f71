"""How far off the forecast was on the calibration part: the residuals that the bands are made of.

That part is the second half of the validation targets; nothing else was chosen by it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster import sampling
from forecaster.predictors.base import Parts, Predictor
from forecaster.rollout import forecast
from forecaster.windows import Windows

MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


def residuals(predictor: Predictor, parts: Parts, *, carry: bool = False) -> list[NDArray[np.float64]]:
    """Return scaled forecast errors (O_c, H) for each channel; NaN where a target lies beyond the part.

    The next segment has more origins than the closed loop beyond it, which reaches as far as the
    part has enough of them. With `carry` the predictor's state is carried over each whole recording.
    """
    windows = parts.calibration
    if windows is None or not len(windows):
        return [np.zeros((0, parts.window.n_input))] * parts.channels
    return [_errors(predictor, windows, c, (_segments(parts, windows), carry)) for c in range(parts.channels)]


def _segments(parts: Parts, windows: Windows) -> int:
    """Return how many segments the bands reach."""
    affordable = MAX_QUANTILES // (99 * parts.channels * parts.window.n_input)
    return max(1, min(sampling.segments(windows), affordable))


def _errors(predictor: Predictor, windows: Windows, channel: int, how: tuple[int, bool]) -> NDArray[np.float64]:
    """Return the errors of one channel, `how` being segments and carry: those of the near origins, then of the far."""
    (ahead, carry), n_input = how, windows.window.n_input
    made = partial(forecast, predictor, carry=carry)
    near = sampling.near(windows, channel)
    first = near.made(made) - near.truth()
    if ahead == 1:
        return first
    far = sampling.far(windows, channel, ahead)
    rest = far.made(made) - far.truth()
    rest[:, :n_input] = np.nan
    return np.concatenate((np.pad(first, ((0, 0), (0, rest.shape[1] - n_input)), constant_values=np.nan), rest))
