"""The local scale: bands are as much wider or narrower as the forecast's last errors were.

A machine that has become noisier is not exchangeable with the part that the bands were calibrated on. So each residual
counts in units of the local error. That is the root mean square of two sorts of error: the reference error, which is
that of the last third of the validation part, and the errors of the same predictor over the last segments before the
origin. Each of these segments is forecast from its own beginning, and nothing after the origin is looked at. The last
few errors tell less about recursive segments. So more of them count there, and the reference error as much as all of
them together.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, "Distribution-Free Predictive Inference for Regression",
section 5.2, with the last errors in place of a fitted spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.conformal.bands import Lookback, passed
from forecaster.signal.origins import ForecastFn, Origins, batched

Array = NDArray[np.float64]
# For the next segment, and for recursive ones: how many earlier segments count, and the weight of the reference error.
LOOKBACK: tuple[Lookback, Lookback] = ((2, 0.5), (8, 8.0))
LARGEST = 1e6
# Values of contexts that are looked at together.
AT_ONCE = 4_000_000


def local_scale(
    forecast_fn: ForecastFn,
    origins: Sequence[Origins],
    window: Window,
    reference_mse: Array,
    *,
    horizon: int,
    lookback: tuple[Lookback, Lookback],
    seamless: bool = True,
) -> Array:
    """Return the local error at each of `origins` and step in units of the reference error, (O, H): about 1.

    Args:
        forecast_fn: The forecast whose errors are taken.
        origins: Where a band is asked for.
        window: The model's window. A segment without L rows before it does not count.
        reference_mse: (O,), the mean square error of the next segment to which each origin's errors are compared, in
            the unit of the forecasts. Where it is 0 or infinite the bands stay as they are.
        horizon: Steps ahead.
        lookback: What counts for the steps of the next segment, and for those beyond.
        seamless: Whether the scale of the next segment passes smoothly to that of those beyond.
    """
    spans = [min(horizon, window.n_input), max(0, horizon - window.n_input)]
    segments = max(n for (n, _), span in zip(lookback, spans, strict=True) if span)
    squares = _past_squares(forecast_fn, origins, window, segments)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        relative = squares / reference_mse[:, None]
        scales = np.stack([_scale(relative[:, :count], weight) for count, weight in lookback], axis=1)
    is_usable = (reference_mse > 0) & np.isfinite(reference_mse)
    near, far = np.where(is_usable[:, None], scales, 1.0).T[:, :, None]
    share = np.ones(spans[1])
    if seamless:
        count = min(spans[1], window.n_input)
        share[:count] = passed(count, window.n_input)
    recursive = np.where(share < 1, (1 - share) * near + share * far, far)
    return np.concatenate((np.repeat(near, spans[0], axis=1), recursive), axis=1)


def _scale(relative: Array, weight: float) -> Array:
    """Return the root of the mean of the `relative` square errors (O, .) and of the reference, which is 1, (O,).

    The reference counts `weight` times, and an error that is NaN not at all.
    """
    is_known = ~np.isnan(relative)
    scale = np.sqrt((weight + np.where(is_known, relative, 0.0).sum(axis=1)) / (weight + is_known.sum(axis=1)))
    return np.minimum(np.nan_to_num(scale, nan=LARGEST), LARGEST)


def _past_squares(forecast_fn: ForecastFn, origins: Sequence[Origins], window: Window, segments: int) -> Array:
    """Return the mean square error of each of the last `segments` before each origin, NaN where it has none."""
    back = window.n_input * np.arange(1, segments + 1)
    starts = [places.rows[:, None] - back for places in origins]
    squares = [np.full(rows.shape, np.nan) for rows in starts]
    with_past = [k for k, rows in enumerate(starts) if (rows >= window.context).any()]
    # A segment before several origins is forecast once.
    distinct = [replace(origins[k], rows=np.unique(starts[k][starts[k] >= window.context])) for k in with_past]
    batches = batched(distinct, max(1, AT_ONCE // (window.n_step * window.width)))
    errors = np.concatenate([np.zeros(0), *(_mean_squares(forecast_fn, batch, window.n_input) for batch in batches)])
    parts = np.split(errors, np.cumsum([len(places) for places in distinct]))
    for k, places, part in zip(with_past, distinct, parts, strict=False):
        counts = starts[k] >= window.context
        squares[k][counts] = part[np.searchsorted(places.rows, starts[k][counts])]
    return np.concatenate(squares)


def _mean_squares(forecast_fn: ForecastFn, origins: Sequence[Origins], n_input: int) -> Array:
    """Return the mean square error of the next segment from each of `origins`, (O,); inf where it is not finite."""
    y_true = np.concatenate([places.y_true(n_input) for places in origins])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.square(forecast_fn(origins, n_input) - y_true).mean(axis=1), nan=np.inf)
