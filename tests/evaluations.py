"""Evaluations of predictors that are plain functions of a block of origins and the horizon."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecaster import evaluation
from forecaster.config import Window
from forecaster.evaluation import ChannelScores, Evaluation, ForecastFn, NumberScorer, SymbolScorer
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis


@dataclass(frozen=True)
class FixedBands:
    """Bands of given half widths, at the same scale everywhere unless `scale` says otherwise."""

    width: Callable[..., Any]
    scale: Callable[..., Any] | None = None
    sizes: Sequence[float | None] = ()

    def half_width(self, level, channel, horizon):
        return self.width(level, channel, horizon)

    def local_scale(self, origins, horizon):
        return self.scale(origins, horizon) if self.scale else np.ones((sum(map(len, origins)), 1))

    def departures(self, origins):
        return [None] * sum(map(len, origins))

    def has_bands(self, departure):
        return departure is None

    def effective_sample_size(self, channel, horizon):
        return self.sizes[channel] if self.sizes else None


def all_at_once(predictors: Mapping[str, Callable[..., Any]]) -> ForecastFn:
    """Return the function that the engine asks, of functions that forecast one block each."""

    def forecast_fn(blocks, horizon, names):
        forecasts = {name: [predictors[name](block, horizon) for block in blocks] for name in names}
        return {
            name: tuple(map(np.concatenate, zip(*parts, strict=True)))
            if isinstance(parts[0], tuple)
            else np.ascontiguousarray(np.concatenate(parts))  # sums of another layout have other last bits
            for name, parts in forecasts.items()
        }

    return forecast_fn


def evaluate(signals, first_targets, predictors, *, seasonal_errors, **options) -> Evaluation:
    """Score predictors of numbers; `band`, `local` and `sizes` are those of `FixedBands`."""
    band, local, sizes = (options.pop(key, None) for key in ("band", "local", "sizes"))
    bands = None if band is None else FixedBands(band, local, sizes or ())
    scorer = NumberScorer(seasonal_errors, bands, **({"levels": options.pop("levels")} if "levels" in options else {}))
    forecast_fn, names = all_at_once(predictors), tuple(predictors)
    return evaluation.evaluate(signals, first_targets, forecast_fn, names=names, scorer=scorer, **options)


def evaluate_symbols(signals, first_targets, predictors, **options) -> Evaluation:
    """Score predictors of symbols."""
    forecast_fn, names = all_at_once(predictors), tuple(predictors)
    return evaluation.evaluate(signals, first_targets, forecast_fn, names=names, scorer=SymbolScorer(), **options)


# --- signals, and functions that forecast them ----------------------------------------------

PERIOD = 20


def noise(rows=200, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


def signal_of(*columns, name="s", rate=None, recordings=1):
    values = np.stack(columns, axis=1)
    names = tuple(f"c{k}" for k in range(len(columns)))
    return Signal(name, names, (Recording(values, TimeAxis()),) * recordings, ("V",) * len(columns), rate)


def last_value(origins, horizon):
    return np.repeat(origins.context(Window(n_step=1, n_input=1)).values, horizon, axis=1)


def sine(origins, horizon, *, period=PERIOD, fade=1.0):
    t = origins.rows[:, None] + np.arange(horizon)
    return 50 + fade ** np.arange(horizon) * np.sin(2 * np.pi * t / period)


def mean(origins, horizon):
    return np.full((len(origins), horizon), 50.0)


def score_on_a_sine(model, *, rows=3000, horizon=16, rate=None, noise=0.1, baselines=None, **options) -> ChannelScores:
    """Score `model` on a noisy sine about 50, beside the last value or the `baselines`."""
    t = np.arange(rows)
    values = np.sin(2 * np.pi * t / PERIOD) + np.random.default_rng(0).normal(0, noise, rows) + 50
    signal = Signal("s", ("c",), (Recording(values[:, None], TimeAxis()),), ("g",), rate)
    forecasts = {"model": model, **(baselines or {"last-value": last_value})}
    options = {"window": Window(n_step=8, n_input=16), "seasonal_errors": [1.0]} | options
    result = evaluate([signal], [[0]], forecasts, horizon=horizon, **options)
    json.dumps(result.to_json(), allow_nan=False)
    return result.parts[0]
