"""Where a model is scored: every origin that fits, in every recording."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Index = NDArray[np.int64]


class Place(NamedTuple):
    """Where origins lie: the recording's number, and the rows of their first targets (O,)."""

    recording: int
    rows: Index


def origins(rows: int, *, first_target: int, context: int, horizon: int, stride: int) -> Index:
    """Return every row t that can be scored: `context` rows before it, and t..t+`horizon` within `rows`.

    >>> origins(100, first_target=70, context=50, horizon=10, stride=10).tolist()
    [70, 80, 90]
    """
    return np.arange(max(first_target, context), rows - horizon + 1, stride, dtype=np.int64)


def default_stride(horizon: int, window: Window) -> int:
    """Return min(H, N): targets that touch without overlapping, and never further apart than a segment."""
    return min(horizon, window.n_input)


def places(signal: Signal, first_targets: Sequence[int], *, context: int, horizon: int, stride: int) -> list[Place]:
    """Find the origins of each recording that has any."""
    find = partial(origins, context=context, horizon=horizon, stride=stride)
    rows = [
        find(len(recording), first_target=first)
        for recording, first in zip(signal.recordings, first_targets, strict=True)
    ]
    return [Place(r, found) for r, found in enumerate(rows) if len(found)]


def located(signal: Signal, channel: int, place: Place) -> Origins:
    """Return the origins of one channel of a recording; the recording's last columns stand beside it."""
    values, count = signal.recordings[place.recording].values, len(signal.channels)
    covariates = Covariates.split(values[:, count:], signal.known, values[:, :count])
    return Origins(values[:, channel], channel, place.rows, covariates)


def too_short(signal: Signal, *, context: int, horizon: int) -> str:
    """Say with counts why a signal has no origin."""
    longest = max((len(recording) for recording in signal.recordings), default=0)
    return (
        f"an origin needs {context} rows of context and {horizon} rows to score, in the part "
        f"that may be scored; the longest recording has {longest} rows"
    )
