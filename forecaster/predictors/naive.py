"""The baselines that cost nothing: last value, repeat segment, seasonal naive, mean.

Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Self

import numpy as np
from pydantic import FailFast, Field

from forecaster.config import MAX_CONTEXT, Frozen, Window
from forecaster.predictors.base import Array, Predictor, Specs
from forecaster.predictors.fitting import training_stretches
from forecaster.signal.context import Context
from forecaster.signal.spectrum import best_lag
from forecaster.signal.windows import WindowSplits

Lag = Annotated[int, Field(ge=1, le=MAX_CONTEXT)]
Error = Annotated[float, Field(ge=0, le=1e300)]


class LastValue(Predictor):
    """The last value, held: y[t + h] = x[t]."""

    name = "last-value"
    label = "repeating the last value"
    is_baseline = True

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much: always."""
        return True

    def predict(self, context: Context) -> Array:
        """Return the last value of each context N times, (B, N)."""
        return np.repeat(context.values[:, -1:], self.window.n_input, axis=1)


class RepeatSegment(Predictor):
    """The last segment again: y[t + h] = x[t + h - N]."""

    name = "repeat-segment"
    label = "repeating the last segment"
    is_baseline = True

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much: always."""
        return True

    def predict(self, context: Context) -> Array:
        """Return the last N samples of each context, (B, N)."""
        return context.values[:, -self.window.n_input :].copy()


class Mean(Predictor):
    """The mean of the channel's training part: y[t + h] = m."""

    name = "mean"
    label = "predicting the mean"
    is_baseline = True

    def predict(self, context: Context) -> Array:
        """Return zeros (B, N): in scaled units the mean of all training rows is 0."""
        return np.zeros((len(context.values), self.window.n_input))


class Seasons(Frozen):
    """The best lag of each channel (samples), and the mean absolute error of repeating it (scaled units).

    The error is that on the training part, by which MASE is scaled. A channel without a
    period has lag 1: its seasonal naive forecast is the last value.
    """

    lags: Annotated[tuple[Lag, ...], FailFast()]
    errors: Annotated[tuple[Error, ...], FailFast()]


class SeasonalNaive(Predictor):
    """The last period again: y[t + h] = x[t + h - m k], m the best lag by autocorrelation of the training part."""

    name = "seasonal-naive"
    label = "repeating the last period"
    is_baseline = True
    Parameters = Seasons
    parameters: Seasons

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much: always."""
        return True

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the best lag of each channel, by its longest training stretch."""
        seasons = [_season(splits, channel) for channel in range(splits.channels)]
        lags, errors = zip(*seasons, strict=True)
        return cls(Seasons(lags=lags, errors=errors), splits.window)

    def with_training_errors(self, training: Sequence[Array], scale: Array) -> Self:
        """Return the predictor with errors measured on the values as they were read, not rounded to float32.

        `training` has the training rows of each recording (T, C + X); `scale` (C + X,) scales them.
        """
        window = self.window
        long_enough = [values for values in training if len(values) >= window.context + window.n_input]
        if not long_enough:
            return self
        errors = []
        for channel, lag in enumerate(self.parameters.lags):
            absolute = sum(float(np.abs(x[lag:, channel] - x[:-lag, channel]).sum()) for x in long_enough)
            errors.append(float(absolute / sum(len(x) - lag for x in long_enough) / scale[channel]))
        return replace(self, parameters=Seasons(lags=self.parameters.lags, errors=tuple(errors)))

    @classmethod
    def specs(cls, parameters: Seasons, window: Window, channels: int) -> Specs:
        """Return no tensors; ValueError unless there is one lag, within the context, for each channel."""
        if len(parameters.lags) != channels or len(parameters.errors) != channels:
            raise ValueError(f"lags and errors need one value for each of the {channels} channels")
        if max(parameters.lags) > window.context:
            raise ValueError("a lag is longer than the context")
        return {}

    @property
    def mase_scale(self) -> tuple[float, ...]:
        """The mean absolute error of repeating the last period on the training part, of each channel."""
        return self.parameters.errors

    def predict(self, context: Context) -> Array:
        """Return the last period of each context, as often as N samples need, (B, N)."""
        lag = np.asarray(self.parameters.lags)[context.channel][:, None]
        ahead = np.arange(self.window.n_input)[None, :]
        return np.take_along_axis(context.values, context.values.shape[1] - lag + ahead % lag, axis=1)


def _season(splits: WindowSplits, channel: int) -> tuple[int, float]:
    """Return the channel's best lag, and the mean absolute error of repeating it."""
    stretches = training_stretches(splits, channel)
    if not stretches:
        return 1, 0.0
    lag = best_lag(max(stretches, key=len), splits.window.context, horizon=splits.window.n_input) or 1
    absolute = sum(float(np.abs(x[lag:] - x[:-lag]).sum(dtype=np.float64)) for x in stretches)
    return lag, absolute / sum(len(x) - lag for x in stretches)
