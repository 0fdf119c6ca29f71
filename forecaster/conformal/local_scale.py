"""How far off the forecast was of late: bands are as much wider or narrower than on the validation part.

A machine that has become noisier since is not exchangeable with the part that the bands were
calibrated on. So each residual counts in units of the local error: the root mean square of the errors in
the last third of the validation part, and of those that the same predictor makes over the last segments before
the origin, each forecast from its own start. Nothing after the origin is looked at. Of what is fed back the very last
segments tell less, so more of them count there, and the usual error as much as all of them.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, "Distribution-Free Predictive Inference
for Regression", section 5.2, with the last errors in place of a fitted spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.conformal.bands import Lookback
from forecaster.signal.origins import Origins, batched

Array = NDArray[np.float64]
Made = Callable[[Sequence[Origins], int], Array]
"""origins and horizon -> H steps from each, (O, H)."""
LOOKBACK: tuple[Lookback, Lookback] = ((2, 0.5), (8, 8.0))
"""What counts for the next segment, and for what is fed back."""
MOST = 1e6
AT_ONCE = 4_000_000
"""Values of contexts that are looked at together."""


def local_scale(
    made: Made,
    origins: Sequence[Origins],
    window: Window,
    reference: Array,
    *,
    horizon: int,
    lookback: tuple[Lookback, Lookback],
) -> Array:
    """Return the local error at each of `origins` and step in units of the usual one, (O, H): about 1.

    `reference` (C,) has the usual mean square error of the next segment by channel, in the unit of what is `made`;
    where it is 0 or infinite the bands stay as they are. A segment without L rows before it does not count.
    `lookback` is that of the steps of the next segment, and of those beyond.
    """
    spans = [min(horizon, window.n_input), max(0, horizon - window.n_input)]
    squares = _squares(made, origins, window, max(n for (n, _), span in zip(lookback, spans, strict=True) if span))
    usual = np.concatenate([np.full(len(one), reference[one.channel]) for one in origins])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        late = squares / usual[:, None]
        scales = np.stack([_scale(late[:, :count], weight) for count, weight in lookback], axis=1)
    return np.repeat(np.where(((usual > 0) & np.isfinite(usual))[:, None], scales, 1.0), spans, axis=1)


def _scale(late: Array, weight: float) -> Array:
    """Return the root of the mean of the `late` square errors (O, .), NaN where there is none, and of the usual one."""
    known = ~np.isnan(late)
    scale = np.sqrt((weight + np.where(known, late, 0.0).sum(axis=1)) / (weight + known.sum(axis=1)))
    return np.minimum(np.nan_to_num(scale, nan=MOST), MOST)


def _squares(made: Made, origins: Sequence[Origins], window: Window, count: int) -> Array:
    """Return the mean square error of each of the last segments before each origin, (O, count), NaN if it has none."""
    back = window.n_input * np.arange(1, count + 1)
    before = [one.rows[:, None] - back for one in origins]
    found = [np.full(rows.shape, np.nan) for rows in before]
    there = [k for k, rows in enumerate(before) if (rows >= window.context).any()]
    asked = [replace(origins[k], rows=np.unique(before[k][before[k] >= window.context])) for k in there]
    some = batched(asked, max(1, AT_ONCE // (window.n_step * window.width)))
    errors = np.concatenate([np.zeros(0), *(_errors(made, batch, window.n_input) for batch in some)])
    parts = np.split(errors, np.cumsum([len(one) for one in asked]))
    for k, one, part in zip(there, asked, parts, strict=False):
        counts = before[k] >= window.context
        found[k][counts] = part[np.searchsorted(one.rows, before[k][counts])]
    return np.concatenate(found)


def _errors(made: Made, origins: Sequence[Origins], n_input: int) -> Array:
    """Return the mean square error of the next segment from each of `origins`, (O,); inf where it ran away."""
    truth = np.concatenate([one.y_true(n_input) for one in origins])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.square(made(origins, n_input) - truth).mean(axis=1), nan=np.inf)
