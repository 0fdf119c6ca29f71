"""What is asked of an evaluation beyond the signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
LEVELS = (90,)


@dataclass(frozen=True)
class ScoredBlock:
    """What was forecast from a block of origins in one recording, in the signal's unit.

    `recording` is its number in `signal`; `truth` (B, H); `forecasts` NAME -> (B, H); `half_widths`
    level -> (B, H) of the model's bands, where there is one.
    """

    signal: Signal
    recording: int
    origins: Origins
    truth: Array
    forecasts: Mapping[str, Array]
    half_widths: Mapping[int, Array]


Keep = Callable[[ScoredBlock], None]


@dataclass(frozen=True)
class Request:
    """How far ahead and how densely to score, and what else to do on the way.

    `horizon` and `stride` in samples (None: the default stride), the `levels` of the bands in percent;
    `keep` is given all that is forecast, block by block.
    """

    horizon: int
    stride: int | None = None
    levels: tuple[int, ...] = LEVELS
    keep: Keep | None = None
