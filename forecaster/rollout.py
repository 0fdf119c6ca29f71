"""Closed loop: any horizon, by feeding the predictions back.

The predicted segment becomes the newest input segment and the oldest is dropped, so nothing
recorded after the origin is ever read. All windows of all files advance together.

Source: deck E, "LSTM with TensorFlow", the prediction example.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from forecaster.predictors.base import Array, Context, Predictor

ROWS = 128
"""Windows that advance together: enough to be fast, few enough to stay in the cache."""


def rollout(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Forecast `horizon` samples after each window of `context`: (B, H).

    A row's bits depend on its own context alone, not on its neighbours or its place. The future
    of exogenous channels is not known: their last segment is repeated.
    """
    result = np.empty((len(context.values), horizon))
    with one_thread().limit(limits=1):
        for begin in range(0, len(result), ROWS):
            rows = slice(begin, begin + ROWS)
            result[rows] = _loop(predictor, context[rows], horizon)
    return result


def _loop(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Advance segment by segment in one buffer (B, L + H rounded up), the context sliding along it."""
    (batch, length), n_input = context.values.shape, predictor.window.n_input
    segments = -(-horizon // n_input)
    buffer = np.empty((batch, length + segments * n_input))
    buffer[:, :length] = context.values
    beside = _repeated(context.exogenous, n_input, segments)
    for k in range(segments):
        seen = slice(k * n_input, k * n_input + length)
        now = Context(buffer[:, seen], context.channel, None if beside is None else beside[:, seen])
        buffer[:, seen.stop : seen.stop + n_input] = predictor.predict(now)
    return buffer[:, length : length + horizon]


def _repeated(exogenous: Array | None, n_input: int, segments: int) -> Array | None:
    """Continue `exogenous` (B, L, X) by its own last segment, as often as the loop goes round."""
    if exogenous is None:
        return None
    return np.concatenate((exogenous, np.tile(exogenous[:, -n_input:], (1, segments, 1))), axis=1)


@cache
def one_thread() -> Any:
    """Return the controller that keeps these small matrices on one thread: two are slower, and vary in bits."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
