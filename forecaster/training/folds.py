"""An earlier fold: what is fitted in closed form is fitted once more, on the beginning of the training part alone.

What comes after that beginning is then as new to it as the test part will be, and much longer than
the validation part: a season, a level or a loud hour that validation happens to hold does not
decide alone who is trusted. A network is too dear to be trained twice.

Source: Tashman, "Out-of-sample Tests of Forecasting Accuracy" (2000): rolling origins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecaster.predictors import Parts
from forecaster.windows import Windows

FITTED, CHOSEN = 0.6, 0.7
"""Where the fold's training and validation targets end, as shares of the training part; the rest is judged."""


class Fold(NamedTuple):
    """Windows to fit on, and those that judge what was fitted."""

    parts: Parts
    judged: Windows


def earlier(parts: Parts) -> Fold | None:
    """Return the fold within the training part of `parts`; None where one of its three pieces has no window."""
    fitted, chosen, judged = (
        _within(parts.training, *shares) for shares in ((0, FITTED), (FITTED, CHOSEN), (CHOSEN, 1))
    )
    if not all(len(one) for one in (fitted, chosen, judged)) or not set(_channels(judged)) <= set(_channels(fitted)):
        return None
    return Fold(Parts(fitted, chosen), judged)


def _within(training: Windows, begin: float, end: float) -> Windows:
    """Return the windows whose targets lie in a share of the rows that `training` covers; from 0 on, at its stride."""
    rows = np.where(training.count > 0, (training.count - 1) * training.window.stride + training.span, 0)
    window = training.window if begin == 0 else training.window.model_copy(update={"stride": 1})
    targets = tuple(training.first + np.rint(share * rows).astype(np.int64) for share in (begin, end))
    return Windows.between(training.runs, (targets[0], targets[1]), window)


def _channels(windows: Windows) -> list[int]:
    found: list[int] = np.unique(windows.runs.channel[windows.count > 0]).tolist()
    return found
