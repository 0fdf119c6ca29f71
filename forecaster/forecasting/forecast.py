"""A forecast: the mean, its bands, and the time axis that it continues."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.time_axis import TimeAxis

CARRIED = (
    "the state is carried from the recording's first sample on, a step a segment; "
    "it is another forecast than one that re-reads its window"
)
REREAD = "the window is re-read for every segment, the forecast ones fed back"
RUNAWAY = 10.0
"""A forecast farther from the middle of its context than this many times half the context's range has run away."""
JOINT = "each channel sees all others that are forecast; in closed loop they advance together"
Array = NDArray[np.float64]
Bands = dict[int, tuple[Array, Array] | None]


@dataclass(frozen=True)
class Forecast:
    """What is expected of one channel of one series.

    `mean` (H,) in `unit`; `bands` has for each level in percent the lower and the upper bound
    (H,), NaN at steps without one, or None; `reasons` tells why by ``"level"``. Step k has the
    stamp ``first + k`` of `time`. `history` (L,) is the context, whose last sample has the
    stamp ``first - 1``. `warning` says in plain words if the forecast ran away from it, or is "".

    Of symbols, `mean` and `history` are codes: places in `symbols`, the alphabet (K,).
    `probabilities` (H, K) are then those of every symbol, given the symbols forecast before.
    """

    unique_id: str
    channel: str
    unit: str
    time: TimeAxis
    first: int
    mean: Array
    history: Array
    bands: Bands = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    sample_rate_hz: float | None = None
    symbols: tuple[str, ...] = ()
    probabilities: Array | None = None
    warning: str = ""

    @property
    def history_time(self) -> TimeAxis:
        """The axis of the history: the same."""
        return self.time


def runaway(mean: Array, history: Array) -> str:
    """Say from which step on a forecast (H,) lies far beyond anything in its context (L,), or "".

    >>> runaway(np.array([2.0, 30.0]), np.array([1.0, 3.0]))
    'from step 2 on the forecast is more than 10 times as far from the middle of its context as the context ever was'
    >>> runaway(np.array([2.0, 3.5]), np.array([1.0, 3.0]))
    ''
    """
    low, high = float(history.min()), float(history.max())
    half = high / 2 - low / 2
    far = np.abs(mean - (low + half)) > RUNAWAY * half
    if not (half > 0 and far.any()):
        return ""
    return (
        f"from step {int(np.argmax(far)) + 1} on the forecast is more than {RUNAWAY:g} times as far from the middle "
        "of its context as the context ever was"
    )
