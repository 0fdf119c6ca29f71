"""The baselines that cost nothing: last value, repeat segment, seasonal naive, mean.

Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field

from forecaster.config import MAX_CONTEXT, Frozen, Window
from forecaster.predictors.base import Array, Predictor, Specs
from forecaster.signal.context import Context
from forecaster.signal.spectrum import best_lag
from forecaster.signal.splits import WindowSplits

Lag = Annotated[int, Field(ge=1, le=MAX_CONTEXT)]
Error = Annotated[float, Field(ge=0, le=1e300)]


@dataclass(frozen=True)
class LastValue(Predictor):
    """The last value, held: y[t + h] = x[t]."""

    name: ClassVar[str] = "last-value"
    label: ClassVar[str] = "repeating the last value"
    is_baseline: ClassVar[bool] = True

    def predict(self, context: Context) -> Array:
        """Hold the last value of `context` for N samples."""
        return np.repeat(context.values[:, -1:], self.window.n_input, axis=1)


@dataclass(frozen=True)
class RepeatSegment(Predictor):
    """The last segment again: y[t + h] = x[t + h - N]."""

    name: ClassVar[str] = "repeat-segment"
    label: ClassVar[str] = "repeating the last segment"
    is_baseline: ClassVar[bool] = True

    def predict(self, context: Context) -> Array:
        """Repeat the last N samples of `context`."""
        return context.values[:, -self.window.n_input :].copy()


@dataclass(frozen=True)
class Mean(Predictor):
    """The mean of the channel's training part: y[t + h] = m."""

    name: ClassVar[str] = "mean"
    label: ClassVar[str] = "predicting the mean"
    is_baseline: ClassVar[bool] = True

    def predict(self, context: Context) -> Array:
        """Forecast 0 for N samples: in scaled units that is the mean of all training rows."""
        return np.zeros((len(context.values), self.window.n_input))


class Seasons(Frozen):
    """The best lag of each channel (samples), and the mean absolute error of repeating it (scaled units).

    The error is that on the training part, by which MASE is scaled. A channel without a
    period has lag 1: its seasonal naive forecast is the last value.
    """

    lags: Annotated[tuple[Lag, ...], FailFast()]
    errors: Annotated[tuple[Error, ...], FailFast()]


@dataclass(frozen=True)
class SeasonalNaive(Predictor):
    """The last period again: y[t + h] = x[t + h - m k], m the best lag by autocorrelation of the training part."""

    name: ClassVar[str] = "seasonal-naive"
    label: ClassVar[str] = "repeating the last period"
    is_baseline: ClassVar[bool] = True
    Parameters: ClassVar[type[Frozen]] = Seasons
    parameters: Seasons

    @classmethod
    def fit(cls, parts: WindowSplits) -> Self:
        """Find each channel's lag in the longest training stretch of the channel."""
        found = [_season(parts, c) for c in range(parts.channels)]
        lags, errors = zip(*found, strict=True)
        return cls(Seasons(lags=lags, errors=errors), parts.window)

    def with_training_errors(self, training: Sequence[Array], scale: Array) -> Self:
        """Return the same with errors measured on the values as they were read, not rounded to float32.

        `training` has the training rows of each recording (T, C + X), `scale` (C + X,) what scales them.
        """
        lags, longest = self.parameters.lags, self.window.context + self.window.n_input
        own = [values for values in training if len(values) >= longest]
        errors = [
            sum(float(np.abs(x[lag:, c] - x[:-lag, c]).sum()) for x in own) / sum(len(x) - lag for x in own) / scale[c]
            for c, lag in enumerate(lags)
            if own
        ]
        return replace(self, parameters=Seasons(lags=lags, errors=tuple(map(float, errors)))) if own else self

    @classmethod
    def specs(cls, parameters: Seasons, window: Window, channels: int) -> Specs:
        """It has no tensors; ValueError unless there is one lag, within the context, for each channel."""
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
        """Repeat the last period of `context` as often as N samples need."""
        lag = np.asarray(self.parameters.lags)[context.channel][:, None]
        ahead = np.arange(self.window.n_input)[None, :]
        return np.take_along_axis(context.values, context.values.shape[1] - lag + ahead % lag, axis=1)


def _season(parts: WindowSplits, channel: int) -> tuple[int, float]:
    """Return the channel's best lag, and the mean absolute error of repeating it."""
    training = parts.training
    own = [int(r) for r in np.flatnonzero((training.runs.channel == channel) & (training.count > 0))]
    if not own:
        return 1, 0.0
    stretches: list[NDArray[np.float32]] = [training.stretch(r) for r in own]
    lag = best_lag(max(stretches, key=len), parts.window.context, horizon=parts.window.n_input) or 1
    total = sum(float(np.abs(s[lag:] - s[:-lag]).sum(dtype=np.float64)) for s in stretches)
    return lag, total / sum(len(s) - lag for s in stretches)
