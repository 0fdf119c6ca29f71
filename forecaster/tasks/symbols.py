"""Symbols: the likeliest ones to come with their probabilities, scored by accuracy and cross-entropy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from forecaster.config import RunConfig
from forecaster.conformal import bands
from forecaster.errors import SignalError
from forecaster.evaluation import Evaluation, Request, SymbolScorer
from forecaster.evaluation import evaluate as score
from forecaster.forecasting.rollout import rollout_symbols
from forecaster.predictors import Predictor, SymbolPredictor
from forecaster.reading.symbols import recoded
from forecaster.signal.origins import Origins, context_of
from forecaster.signal.signal import Signal
from forecaster.signal.splits import WindowSplits
from forecaster.tasks.base import Array, Model, itself, scored

GIVEN = "from the second step on, the probabilities are those given the symbols forecast before"
NO_BANDS = "symbols have probabilities, not bands"


def calibrate(
    predictor: Predictor, parts: WindowSplits, config: RunConfig, without: Sequence[Predictor]
) -> tuple[bands.IntervalState, NDArray[np.float32]]:
    """Return no bands: the probabilities say how sure a forecast is."""
    return bands.calibrate([np.zeros((0, 1))], reason=NO_BANDS)


def own(signal: Signal, labels: tuple[str, ...]) -> Signal:
    """Return `signal` with the codes of the model's alphabet; SignalError for a symbol that is not in it."""
    if not signal.symbols:
        raise SignalError("numbers", path=signal.path, expected="a column of symbols, as in training")
    return recoded(signal, labels)


def made(model: Model, origins: Sequence[Origins], horizon: int, levels: Sequence[int]) -> list[dict[str, Any]]:
    """Return the likeliest symbols from each of `origins`, and the probabilities of all; there are no bands."""
    codes, probabilities = _walk(model.predictors[0], origins, horizon)
    own = {"symbols": model.manifest.channels.labels, "reasons": {"p": GIVEN} if horizon > 1 else {}}
    return [{"mean": row, "probabilities": chances, **own} for row, chances in zip(codes, probabilities, strict=True)]


def evaluate(model: Model, signals: Sequence[Signal], ranges: Sequence[Sequence[int]], request: Request) -> Evaluation:
    """Score the model and the baselines; there are no bands whose levels could be asked for."""
    predictors = scored(model)

    def forecast_fn(blocks: Sequence[Origins], horizon: int, names: Collection[str]) -> dict[str, tuple[Array, Array]]:
        return {name: _walk(predictors[name], blocks, horizon) for name in names}

    return score(
        signals,
        ranges,
        forecast_fn,
        names=tuple(predictors),
        window=model.manifest.window,
        horizon=request.horizon,
        stride=request.stride,
        scorer=SymbolScorer(),
        model=model.name,
        own_baseline=itself(model),
    )


def _walk(predictor: Predictor, origins: Sequence[Origins], horizon: int) -> tuple[Array, Array]:
    """Return the likeliest codes (O, H) and the probabilities (O, H, K) from `origins`."""
    context = context_of(origins, predictor.window)
    return rollout_symbols(cast(SymbolPredictor, predictor), context, horizon)
