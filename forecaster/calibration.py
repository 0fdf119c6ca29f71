"""How far off the forecast was on the validation part: the residuals that the bands are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors.base import Context, Parts, Predictor
from forecaster.rollout import rollout
from forecaster.windows import Windows

MAX_ORIGINS = 400
MAX_ROLLOUTS = 4000
MAX_QUANTILES = 4_000_000
"""Quantiles of all channels and steps together: 16 MB in the model folder."""


def residuals(predictor: Predictor, parts: Parts) -> list[NDArray[np.float64]]:
    """Return scaled forecast errors (O_c, H) for each channel, from origins spread over the validation part.

    H is as many segments as half the longest validation part holds, at most a whole context;
    beyond a segment the forecast is the closed loop, as in use.
    """
    windows, horizon = parts.validation, _horizon(parts)
    return [_channel(predictor, windows, channel, horizon) for channel in range(parts.channels)]


def _horizon(parts: Parts) -> int:
    window, longest = parts.window, int(parts.validation.count.max()) + parts.window.n_input - 1
    affordable = MAX_QUANTILES // (99 * parts.channels * window.n_input)
    segments = min(longest // (2 * window.n_input), window.n_step, affordable)
    return max(1, segments) * window.n_input


def _channel(predictor: Predictor, windows: Windows, channel: int, horizon: int) -> NDArray[np.float64]:
    """Forecast from up to `MAX_ORIGINS` origins of one channel, evenly spread over its recordings."""
    span = windows.window.context + horizon
    stretches = [windows.stretch(int(r)) for r in _runs(windows, channel)]
    room = np.array([max(0, len(stretch) - span + 1) for stretch in stretches], dtype=np.int64)
    wanted = min(MAX_ORIGINS, max(1, MAX_ROLLOUTS // (1 + int(windows.runs.channel.max()))))
    chosen = np.unique(np.linspace(0, room.sum() - 1, wanted).astype(np.int64)) if room.any() else room[:0]
    if not len(chosen):
        return np.zeros((0, horizon))
    run = np.searchsorted(np.cumsum(room), chosen, side="right")
    place = chosen - (np.cumsum(room) - room)[run]
    rows = np.stack([stretches[r][t : t + span] for r, t in zip(run, place, strict=True)]).astype(np.float64)
    context, truth = rows[:, : windows.window.context], rows[:, windows.window.context :]
    forecast = rollout(predictor, Context(context, np.full(len(rows), channel)), horizon)
    return forecast - truth


def _runs(windows: Windows, channel: int) -> NDArray[np.int64]:
    """Return the channel's runs that have validation windows."""
    return np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
