"""What a model folder records of a run: the manifest, the scores, the learning curve."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster import __version__
from forecaster.bundle.manifest import Channels, Manifest, PredictorState, ScalerState, TrainingData, now
from forecaster.config import RunConfig
from forecaster.intervals import IntervalState
from forecaster.predictors.base import Predictor
from forecaster.scaling import Scaler
from forecaster.signals import Signal

STORED_STEPS = 2000


def manifest_of(
    signals: Sequence[Signal],
    config: RunConfig,
    *,
    scaler: Scaler,
    made: Sequence[Predictor],
    state: IntervalState,
) -> Manifest:
    """Record a run."""
    first = signals[0]
    records = [
        PredictorState(name=one.name, parameters=one.parameters.model_dump(mode="json"), tensors=tuple(one.tensors()))
        for one in made
    ]
    return Manifest(
        created=now(),
        versions=_versions(),
        seed=config.seed,
        config=config,
        window=config.window,
        split=config.split,
        channels=Channels(target=first.channels, units=first.units or ("",) * len(first.channels)),
        sample_rate_hz=first.sample_rate_hz,
        scaler=ScalerState(mean=tuple(scaler.mean.tolist()), scale=tuple(scaler.scale.tolist())),
        predictors=tuple(records),
        intervals=state,
        training_data=tuple(TrainingData.of(signal) for signal in signals),
    )


def _versions() -> dict[str, str]:
    """Return the versions that a repetition of the run needs."""
    found = {"forecaster": __version__, "python": platform.python_version()}
    for package in ("numpy", "tensorflow", "keras"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def thinned(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Keep at most `STORED_STEPS` rows of the errors by step, evenly spread, so that metrics.json stays small."""
    tables = [(part["by_step"], name) for part in evaluation["parts"] for name in part["by_step"]]
    kept = max(1, STORED_STEPS // max(1, len(tables)))
    for by_step, name in tables:
        rows = by_step[name]
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(kept, len(rows))).astype(np.int64)) if rows else ()
        by_step[name] = [rows[k] for k in chosen]
    return evaluation


def tensors_of(tensors: dict[str, NDArray], name: str) -> dict[str, NDArray]:
    """Return the tensors of the predictor `name`, without its prefix."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def history_text(history: Sequence[dict[str, float]]) -> str:
    """Write the learning curve as CSV."""
    if not history:
        return ""
    names = list(history[0])
    rows = (",".join(repr(row[name]) for name in names) for row in history)
    return "\n".join((",".join(names), *rows)) + "\n"


def history_rows(text: str) -> list[dict[str, float]]:
    """Read the learning curve again."""
    header, *rows = text.splitlines() or [""]
    names = header.split(",")
    return [dict(zip(names, map(float, row.split(",")), strict=True)) for row in rows]
