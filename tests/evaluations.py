"""Evaluations of predictors that are plain functions of a block of origins and the horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecaster import evaluation
from forecaster.evaluation import Evaluation, ForecastFn, NumberScorer, SymbolScorer


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
