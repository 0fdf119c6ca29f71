"""Closed loop: any horizon, by feeding the predictions back.

The predicted segment becomes the newest input segment and the oldest is dropped, so nothing
recorded after the origin is ever read. All windows of all files advance together.

Source: deck E, "LSTM with TensorFlow", the prediction example.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from forecaster.predictors.base import Array, Channel, Predictor

ROWS = 128
"""Windows that advance together: enough to be fast, few enough to stay in the cache."""


def rollout(predictor: Predictor, context: Array, channel: Channel, horizon: int) -> Array:
    """Forecast `horizon` samples after `context` (B, L), row b of channel ``channel[b]``: (B, H).

    A row's bits depend on its own context alone, not on its neighbours or its place.
    """
    result = np.empty((len(context), horizon))
    with one_thread().limit(limits=1):
        for begin in range(0, len(context), ROWS):
            rows = slice(begin, begin + ROWS)
            result[rows] = _loop(predictor, context[rows], channel[rows], horizon)
    return result


def _loop(predictor: Predictor, context: Array, channel: Channel, horizon: int) -> Array:
    """Advance segment by segment in one buffer (B, L + H rounded up), the context sliding along it."""
    length, n_input = context.shape[1], predictor.window.n_input
    segments = -(-horizon // n_input)
    buffer = np.empty((len(context), length + segments * n_input))
    buffer[:, :length] = context
    for k in range(segments):
        begin = k * n_input
        buffer[:, length + begin : length + begin + n_input] = predictor.predict(
            buffer[:, begin : begin + length], channel
        )
    return buffer[:, length : length + horizon]


@cache
def one_thread() -> Any:
    """Return the controller that keeps these small matrices on one thread: two are slower, and vary in bits."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
