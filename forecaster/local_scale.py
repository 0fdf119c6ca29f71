"""How far off the forecast was of late: bands are as much wider or narrower than on the validation part.

A machine that has become noisier since is not exchangeable with the part that the bands were
calibrated on. So each residual counts in units of the local error: the root mean square of the errors in
the last third of the validation part, and of those that the same predictor makes over the last segments before
the origin, each forecast from its own start. Nothing after the origin is looked at. Of what is fed back the last
segments tell less, so the usual error counts more there.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, "Distribution-Free Predictive Inference
for Regression", section 5.2, with the last errors in place of a fitted spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.origins import Origins

Array = NDArray[np.float64]
Made = Callable[[Sequence[Origins], int], Array]
"""origins and horizon -> H steps from each, (O, H)."""
SEGMENTS = 2
"""Segments before the origin that count."""
WEIGHTS = (0.5, 2.0)
"""What that third counts, in segments: for the next segment, and for what is fed back."""
MOST = 1e6


def local_scale(
    made: Made,
    origins: Sequence[Origins],
    window: Window,
    reference: Array,
    *,
    horizon: int,
    weights: tuple[float, float] = WEIGHTS,
) -> Array:
    """Return the local error at each of `origins` and step in units of the usual one, (O, H): about 1.

    `reference` (C,) has the usual mean square error of the next segment by channel, in the unit of what is `made`;
    where it is 0 the bands stay as they are. A segment without L rows before it does not count. `weights` are what
    the usual error counts, in segments, at the steps of the next segment and at those beyond.
    """
    squares = _squares(made, origins, window)
    usual = np.concatenate([np.full(len(one), reference[one.channel]) for one in origins])
    known = ~np.isnan(squares)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        late = np.where(known, squares, 0.0).sum(axis=1) / usual
        weight = np.repeat(weights, [min(horizon, window.n_input), max(0, horizon - window.n_input)])
        scale = np.sqrt((weight + late[:, None]) / (weight + known.sum(axis=1)[:, None]))
    return np.where(usual[:, None] > 0, np.minimum(np.nan_to_num(scale, nan=MOST), MOST), 1.0)


def _squares(made: Made, origins: Sequence[Origins], window: Window) -> Array:
    """Return the mean square error of each of the last segments before each origin, (O, 2); NaN where it has none."""
    back = window.n_input * np.arange(1, SEGMENTS + 1)
    before = [one.rows[:, None] - back for one in origins]
    found = [np.full(rows.shape, np.nan) for rows in before]
    there = [k for k, rows in enumerate(before) if (rows >= window.context).any()]
    asked = [replace(origins[k], rows=np.unique(before[k][before[k] >= window.context])) for k in there]
    errors = _errors(made, asked, window.n_input) if asked else np.zeros(0)
    parts = np.split(errors, np.cumsum([len(one) for one in asked]))
    for k, one, part in zip(there, asked, parts, strict=False):
        counts = before[k] >= window.context
        found[k][counts] = part[np.searchsorted(one.rows, before[k][counts])]
    return np.concatenate(found)


def _errors(made: Made, origins: Sequence[Origins], n_input: int) -> Array:
    """Return the mean square error of the next segment from each of `origins`, (O,); inf where it ran away."""
    truth = np.concatenate([one.truth(n_input) for one in origins])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.square(made(origins, n_input) - truth).mean(axis=1), nan=np.inf)
