"""What a model folder records of a run: the manifest, the scores, the learning curve."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from pydantic import ValidationError

from forecaster import __version__, predictors
from forecaster.bundle.manifest import Channels, EnsembleState, Manifest, PredictorState, ScalerState, TrainingData, now
from forecaster.bundle.records import MAX_CELLS
from forecaster.bundle.training_state import Run
from forecaster.config import RunConfig
from forecaster.conformal.bands import IntervalState
from forecaster.errors import SignalError, printable
from forecaster.predictors import Predictor, kind
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Signal

STORED_STEPS = 2000
MOST_SPECTRA = 100
STORED_BYTES, STORED_OBJECTS = 1_500_000, 14_000
"""What the parts of one evaluation may take in metrics.json: the gate reads two of them."""


def manifest_of(
    signals: Sequence[Signal],
    config: RunConfig,
    *,
    scaler: Scaler,
    made: Sequence[Predictor],
    state: IntervalState,
    interrupted: bool = False,
) -> Manifest:
    """Record a run; one that was `interrupted` is not the whole one."""
    first = signals[0]
    records = [
        PredictorState(name=one.name, parameters=one.parameters.model_dump(mode="json"), tensors=tuple(one.tensors()))
        for one in made
    ]
    return Manifest(
        task=kind(config.predictor).task,
        created=now(),
        versions=_versions(),
        seed=config.seed,
        config=config,
        window=config.window,
        split=config.split,
        channels=channels_of(signals)[0],
        sample_rate_hz=first.sample_rate_hz,
        scaler=ScalerState(mean=tuple(scaler.mean.tolist()), scale=tuple(scaler.scale.tolist())),
        predictors=tuple(records),
        combination=_combination(made[0]),
        intervals=state,
        training_data=channels_of(signals)[1],
        interrupted=interrupted,
    )


def run_of(signals: Sequence[Signal], config: RunConfig) -> Run:
    """Record what decides the weights of a run that is yet to be made; `config` is resolved."""
    return Run(signals=channels_of(signals)[1], config=config, versions=_versions())


def _combination(carrier: Any) -> EnsembleState | None:
    """Record who carries a combined forecast."""
    if not isinstance(carrier, predictors.Ensemble):
        return None
    return EnsembleState(next=carrier.mean_weights(0, 1), fed_back=carrier.mean_weights(1))


def channels_of(signals: Sequence[Signal]) -> tuple[Channels, tuple[TrainingData, ...]]:
    """Record the channels and the files; SignalError if a name is one that a model folder cannot hold."""
    first = signals[0]
    try:
        units = first.units or ("",) * len(first.channels)
        channels = Channels(
            target=first.channels, exogenous=first.exogenous, known=first.known, units=units, labels=first.symbols
        )
        return channels, tuple(TrainingData.of(signal) for signal in signals)
    except ValidationError as error:
        hint = "Rename the columns in the file's header."
        raise SignalError(
            f"the columns cannot be recorded: {error.errors()[0]['msg']}", path=first.path, hint=hint
        ) from None


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
    """Keep at most `STORED_STEPS` rows of the errors by step, evenly spread, so that metrics.json stays small.

    Beyond `MOST_SPECTRA` parts the spectra are left out too, and of very many parts the last ones:
    "parts_left_out" counts them.
    """
    tables = [(part["by_step"], name) for part in evaluation["parts"] for name in part["by_step"]]
    kept = max(1, STORED_STEPS // max(1, len(tables)))
    for by_step, name in tables:
        rows = by_step[name]
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(kept, len(rows))).astype(np.int64)) if rows else ()
        by_step[name] = [rows[k] for k in chosen]
    if len(evaluation["parts"]) > MOST_SPECTRA:
        for part in evaluation["parts"]:
            part.pop("spectrum", None)
    shown: dict[str, Any] = _shown(evaluation)
    return _fitting(shown)


def _shown(value: Any) -> Any:
    """Return a tree of JSON with all control characters of its texts escaped: files may have any name."""
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return printable(value, 2000) if isinstance(value, str) else value


def _fitting(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Keep the first parts, as many as a model folder may hold."""
    parts, size, objects = evaluation["parts"], 0, 0
    for k, part in enumerate(parts):
        text = json.dumps(part)
        size, objects = size + len(text), objects + text.count("{") + text.count("[")
        if k and (size > STORED_BYTES or objects > STORED_OBJECTS):
            return {**evaluation, "parts": parts[:k], "parts_left_out": len(parts) - k}
    return evaluation


def history_text(history: Sequence[Mapping[str, float]]) -> str:
    """Write the learning curve as CSV; of very many rows those that a model folder may hold, evenly spread."""
    if not history:
        return ""
    names = list(dict.fromkeys(name for row in history for name in row))
    most = MAX_CELLS // len(names) - 1
    if len(history) > most:
        history = [history[k] for k in np.linspace(0, len(history) - 1, most).astype(np.int64)]
    rows = (",".join(_number(row[name]) if name in row else "" for name in names) for row in history)
    return "\n".join((",".join(names), *rows)) + "\n"


def _number(value: float) -> str:
    """Write a number so that it is the same when it is read and written again."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
