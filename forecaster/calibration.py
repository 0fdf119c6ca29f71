"""How far off the forecast was on the validation part: the residuals that the bands are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.origins import Origins
from forecaster.predictors.base import Parts, Predictor
from forecaster.rollout import forecast
from forecaster.windows import Windows

MAX_ORIGINS = 400
MAX_ROLLOUTS = 4000
MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


def residuals(predictor: Predictor, parts: Parts, *, carry: bool = False) -> list[NDArray[np.float64]]:
    """Return scaled forecast errors (O_c, H) for each channel, from origins spread over the validation part.

    H is as many segments as half the longest validation part holds, at most a whole context;
    beyond a segment the forecast is the closed loop, as in use. With `carry` the predictor's
    state is carried over each whole recording.
    """
    windows, horizon = parts.validation, _horizon(parts)
    found = []
    for channel in range(parts.channels):
        origins = _origins(windows, channel, horizon)
        truth = [one.truth(horizon) for one in origins]
        made = forecast(predictor, origins, horizon, carry=carry) if origins else np.zeros((0, horizon))
        found.append(made - np.concatenate(truth) if origins else made)
    return found


def _horizon(parts: Parts) -> int:
    window, longest = parts.window, int(parts.validation.count.max()) + parts.window.n_input - 1
    affordable = MAX_QUANTILES // (99 * parts.channels * window.n_input)
    segments = min(longest // (2 * window.n_input), window.n_step, affordable)
    return max(1, segments) * window.n_input


def _origins(windows: Windows, channel: int, horizon: int) -> list[Origins]:
    """Choose up to `MAX_ORIGINS` origins of one channel, evenly spread over its recordings."""
    span = windows.window.context + horizon
    own = _runs(windows, channel)
    room = np.array([max(0, len(windows.stretch(int(r))) - span + 1) for r in own], dtype=np.int64)
    wanted = min(MAX_ORIGINS, max(1, MAX_ROLLOUTS // (1 + int(windows.runs.channel.max()))))
    chosen = np.unique(np.linspace(0, room.sum() - 1, wanted).astype(np.int64)) if room.any() else room[:0]
    which = np.searchsorted(np.cumsum(room), chosen, side="right")
    place = chosen - (np.cumsum(room) - room)[which]
    rows = place + windows.first[own[which]] + windows.window.context
    return [_at(windows, int(own[k]), rows[which == k]) for k in np.unique(which)]


def _at(windows: Windows, r: int, rows: NDArray[np.int64]) -> Origins:
    """Return origins at `rows` of run r, in scaled units."""
    runs = windows.runs
    values, begin = runs.run(r), int(runs.beside_start[r])
    beside = runs.beside[begin : begin + len(values)] if windows.window.exogenous else None
    return Origins(values, int(runs.channel[r]), rows, beside)


def _runs(windows: Windows, channel: int) -> NDArray[np.int64]:
    """Return the channel's runs that have validation windows."""
    return np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
