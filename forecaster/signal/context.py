"""The context of a forecast: what stands before its origin, as a predictor sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.signal.windows import joined, with_others

Array = NDArray[np.float64]
Channel = NDArray[np.int64]


@dataclass(frozen=True)
class Context:
    """What forecasts look back on, in scaled units.

    `values` (B, L); `channel` (B,), each window's channel. The X channels beside it, or None where
    there are none: `exogenous` (B, L, .) those of which the past alone is known, over the same
    samples; `known` (B, L + F, .) those of which the future is, over the same samples and the F
    that follow, a segment at least. `targets` (B, L, C) has all channels that are forecast, the
    own one among them, where they see each other, else it is None.
    """

    values: Array
    channel: Channel
    exogenous: Array | None = None
    known: Array | None = None
    targets: Array | None = None

    def __getitem__(self, rows: Any) -> Self:
        """Return the windows `rows`, a slice or an index."""
        beside = (None if part is None else part[rows] for part in (self.exogenous, self.known, self.targets))
        return type(self)(self.values[rows], self.channel[rows], *beside)

    def segments(self, window: Window) -> Array:
        """Return the windows as steps (B, S, width): each segment, those of the others, then of the exogenous channels.

        The known ones are a segment ahead: the last step sees what they do over the next segment.
        """
        own = self.values.reshape(len(self.values), window.n_step, window.n_input)
        if self.targets is not None:
            own = with_others(own, self.targets, self.channel)
        if self.exogenous is not None:
            own = joined(own, self.exogenous)
        if self.known is not None:
            own = joined(own, self.known[:, window.n_input : window.n_input + window.context])
        return own
