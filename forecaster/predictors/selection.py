"""What the predictors with little to choose choose it by: a few windows of each channel."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forecaster.predictors.base import Array
from forecaster.signal.splits import WindowSplits
from forecaster.signal.windows import Windows

MOST = 256
"""Windows of a channel that a choice is made by."""
ALL = 4096
"""Those of all channels together, as long as each has two."""
VALUES = 4_000_000
"""What those of a channel may hold."""


def examples(windows: Windows, channel: int, channels: int) -> tuple[Array, Array] | None:
    """Return contexts (W, L) and targets (W, N) of one of `channels`, evenly over its `windows`; None without any."""
    index = _spread(windows, channel, channels)
    if not len(index):
        return None
    rows = sliding_window_view(windows.runs.flat, windows.span)[windows.places(index)[0]].astype(np.float64)
    return rows[:, : windows.window.context], rows[:, windows.window.context :]


def learned(parts: WindowSplits, channel: int) -> tuple[Array, Array] | None:
    """Return those of the training part, or of the validation part where that has none of `channel`.

    A choice among a few sizes cannot be fitted to it, and the validation part stays new to what was
    chosen: it has to say later how far that is to be trusted.
    """
    return examples(parts.training, channel, parts.channels) or examples(parts.validation, channel, parts.channels)


def longest(parts: WindowSplits, channel: int) -> NDArray[np.float32]:
    """Return the longest training stretch of `channel`, (T,); nothing if it has none."""
    training = parts.training
    own = np.flatnonzero((training.runs.channel == channel) & (training.count > 0))
    stretches = [training.stretch(int(r)) for r in own]
    return max(stretches, key=len) if stretches else np.zeros(0, dtype=np.float32)


def _spread(windows: Windows, channel: int, channels: int) -> NDArray[np.int64]:
    """Return the numbers of windows of `channel`, evenly spread over all that it has."""
    own = np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
    if not len(own):
        return np.zeros(0, dtype=np.int64)
    ends = np.cumsum(windows.count[own])
    most = max(1, min(MOST, max(2, ALL // channels), VALUES // windows.span))
    wanted = np.unique(np.linspace(0, ends[-1] - 1, most).astype(np.int64))
    run = np.searchsorted(ends, wanted, side="right")
    first = windows.before[own] - (ends - windows.count[own])
    numbers: NDArray[np.int64] = first[run] + wanted
    return numbers
