"""What a model folder records of a run: the manifest, the scores, the learning curve."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from forecaster import __version__
from forecaster.bundle.manifest import (
    Channels,
    EnsembleState,
    Manifest,
    Name,
    PredictorState,
    ScalerState,
    TrainingData,
    now,
)
from forecaster.config import Frozen, RunConfig
from forecaster.conformal.bands import IntervalState
from forecaster.errors import SignalError, printable
from forecaster.predictors import Ensemble, Predictor, kind
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Signal


class Run(Frozen):
    """What decides a model's weights: the signals in their order, the resolved configuration, the versions."""

    signals: Annotated[tuple[TrainingData, ...], Field(max_length=100_000)]
    config: RunConfig
    versions: Annotated[dict[Name, Name], Field(max_length=64)]

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the run that made a model."""
        return cls(signals=manifest.training_data, config=manifest.config, versions=manifest.versions)

    def differences(self, other: Run, *, versions: bool = True) -> list[str]:
        """Say what is otherwise in `other`, a line each; a file may have been renamed."""
        own, found = (_flat("", _content(one, versions=versions)) for one in (self, other))
        keys = [key for key in {**own, **found} if own.get(key) != found.get(key)]
        return [f"{key} is {_shown(own.get(key))} here, {_shown(found.get(key))} there" for key in keys]


def manifest_of(
    signals: Sequence[Signal],
    config: RunConfig,
    *,
    scaler: Scaler,
    predictors: Sequence[Predictor],
    intervals: IntervalState,
    interrupted: bool = False,
) -> Manifest:
    """Record a run; one that was `interrupted` is not the whole one."""
    first = signals[0]
    records = [
        PredictorState(
            name=predictor.name,
            parameters=predictor.parameters.model_dump(mode="json"),
            tensors=tuple(predictor.tensors()),
        )
        for predictor in predictors
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
        combination=_combination(predictors[0]),
        intervals=intervals,
        training_data=channels_of(signals)[1],
        interrupted=interrupted,
    )


def run_of(signals: Sequence[Signal], config: RunConfig) -> Run:
    """Record what decides the weights of a run that is yet to be made; `config` is resolved."""
    return Run(signals=channels_of(signals)[1], config=config, versions=_versions())


def _combination(carrier: Any) -> EnsembleState | None:
    """Record who carries a combined forecast."""
    if not isinstance(carrier, Ensemble):
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


def listed(differences: Sequence[str]) -> str:
    """Return the first of some differences in one line."""
    more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
    return "; ".join(differences[:3]) + more


def _content(run: Run, *, versions: bool) -> dict[str, Any]:
    """Return what is compared of a run."""
    data = [{"sha256": one.sha256, "rows": one.rows, "recordings": one.cut} for one in run.signals]
    made = {"signals": len(data)} | {f"signal {k}": one for k, one in enumerate(data, 1)}
    return made | run.config.model_dump(mode="json") | ({"version": run.versions} if versions else {})


def _flat(prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree of mappings as its leaves by their dotted names."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= _flat(f"{prefix}{key}.", one) if isinstance(one, Mapping) and one else {f"{prefix}{key}": one}
    return found


def _shown(value: Any) -> str:
    return printable("not set" if value is None else json.dumps(value, ensure_ascii=False), 60)
