"""Model folders to test with: a manifest, its tensors and texts, and how to write them."""

from pathlib import Path

import numpy as np
import pytest

from forecaster import predictors
from forecaster.bundle import (
    Channels,
    Manifest,
    PredictorState,
    ScalerState,
    TrainingData,
    dump_metrics,
    now,
    save,
)
from forecaster.config import RunConfig, Window
from forecaster.conformal.bands import IntervalState
from forecaster.errors import ModelError

SCORES = {"nmse": 0.03, "rmse": 0.1, "mae": 0.08, "mase": 0.5, "coverage-90": None}


EVALUATION = {
    "model": "models/m",
    "horizon": 4,
    "stride": 4,
    "parts": [
        {
            "signal": "rotor",
            "channel": "a",
            "origins": 12,
            "scores": {"model": SCORES, "last-value": {**SCORES, "nmse": 1.2}},
            "by_step": {"model": [{"step": 1, "nmse": 0.01, "rmse": 0.1}]},
            "reasons": {"coverage-90": "too few origins"},
            "verdict": "better",
        }
    ],
    "verdict": "The forecast is better than every baseline.",
}


TEXTS = {"history.csv": "step,loss,validation_loss\n1,0.5,\n2,0.25,0.3\n", "metrics.json": dump_metrics([EVALUATION])}


def manifest(*, seed=0, levels=(50, 90), horizon=4, **changes):
    """A manifest of two channels and four predictors."""
    window = Window(n_step=3, n_input=4)
    config = RunConfig(predictor="ridge", window=window, seed=seed)
    parameters = {
        "ridge": {"alpha": 1.0, "taps": 12, "low": -3.0, "high": 3.0},
        "last-value": {},
        "repeat-segment": {},
        "seasonal-naive": {"lags": (3, 4), "errors": (0.5, 0.25)},
    }
    states = [
        PredictorState(name=name, parameters=values, tensors=tuple(predictors.specs(name, values, window, 2)))
        for name, values in parameters.items()
    ]
    fields = {
        "created": now(),
        "versions": {"forecaster": "0.1.0", "numpy": "2.4.6"},
        "seed": seed,
        "config": config,
        "window": window,
        "split": config.split,
        "channels": Channels(target=("a", "b"), units=("m/s²", "")),
        "sample_rate_hz": 1024.0,
        "scaler": ScalerState(mean=(0.1, -5.0), scale=(1 / 3, 2.5e-300)),
        "predictors": states,
        "intervals": IntervalState(levels=levels, horizon=horizon, origins=(9, 9)),
        "training_data": [TrainingData(name="rotor", rows=62_000, sha256="0" * 64)],
    }
    return Manifest(**(fields | changes))


def tensors(seed=0, levels=2, horizon=4):
    random = np.random.default_rng(seed)
    shapes = {"ridge/kernel": (12, 4), "ridge/bias": (4,), "intervals/quantiles": (2, horizon, levels)}
    values = {name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    # Half widths are not negative, and wider for a higher level.
    return values | {"intervals/quantiles": np.sort(np.abs(values["intervals/quantiles"]), axis=2)}


def write(path, seed=0, **options):
    return save(path, manifest(seed=seed), tensors(seed), TEXTS, **options)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def altered(**changes):
    """A manifest with fields changed, whether they agree or not: the card shows what it is given."""
    return manifest(created="2025-01-31T12:00:00Z").model_copy(update=changes)


def message(call, *arguments, **options):
    with pytest.raises(ModelError) as caught:
        call(*arguments, **options)
    return str(caught.value)
