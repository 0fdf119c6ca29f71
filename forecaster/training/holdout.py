"""An earlier fold: what is fitted in closed form is fitted once more, on the beginning of the training part alone.

What comes after that beginning is then as new to it as the test part will be, and much longer than
the validation part: a season, a level or a loud hour that validation happens to hold does not
decide alone who is trusted. A network is too dear to be trained twice.

Source: Tashman, "Out-of-sample Tests of Forecasting Accuracy" (2000): rolling origins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from forecaster.signal.splits import WindowSplits
from forecaster.signal.windows import Runs, Windows

FITTED, CHOSEN = 0.6, 0.7
"""Where the fold's training and validation targets end, as shares of the training part; the rest is judged."""


class Fold(NamedTuple):
    """Windows to fit on, and those that judge what was fitted."""

    parts: WindowSplits
    judged: Windows


def earlier(parts: WindowSplits) -> Fold | None:
    """Return the fold within the training part of `parts`; None where one of its three pieces has no window.

    A channel's level is that of the rows to fit on: the scaler knows the rows that are judged.
    """
    pieces = [_within(parts.training, *shares) for shares in ((0, FITTED), (FITTED, CHOSEN), (CHOSEN, 1))]
    if not all(len(one) for one in pieces):
        return None
    runs = _levelled(pieces[0])
    fitted, chosen, judged = (replace(one, runs=runs) for one in pieces)
    return Fold(WindowSplits(fitted, chosen), judged)


def _within(training: Windows, begin: float, end: float) -> Windows:
    """Return the windows whose targets lie in a share of the rows that `training` covers; from 0 on, at its stride."""
    window = training.window if begin == 0 else training.window.model_copy(update={"stride": 1})
    first, last = (training.first + np.rint(share * training.covered).astype(np.int64) for share in (begin, end))
    return Windows.between(training.runs, (first, last), window)


def _levelled(fitted: Windows) -> Runs:
    """Return the runs with every channel's mean over the rows of `fitted` taken away."""
    runs, flat = fitted.runs, fitted.runs.flat.copy()
    for channel in np.unique(runs.channel):
        own = np.flatnonzero(runs.channel == channel)
        known = [fitted.stretch(int(r)) for r in own if fitted.count[r]]
        rows = sum(len(one) for one in known)
        level = sum(float(one.sum(dtype=np.float64)) for one in known) / max(1, rows)
        for r in own:
            flat[runs.start[r] : runs.start[r] + runs.length[r]] -= np.float32(level)
    return replace(runs, flat=flat)
