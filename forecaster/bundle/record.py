"""What a model folder records of a run: what decided its weights, and the manifest that came of it."""

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
from forecaster.predictors import Ensemble, Predictor, predictor_class
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Signal
from forecaster.signal.training_range import TrainingRange

# The libraries whose versions change the bits of a training.
LIBRARIES = ("numpy", "tensorflow", "keras")


class Run(Frozen):
    """What decides a model's weights: the signals in their order, the resolved configuration, the versions."""

    signals: Annotated[tuple[TrainingData, ...], Field(max_length=100_000)]
    config: RunConfig
    versions: Annotated[dict[Name, Name], Field(max_length=64)]

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the run that trained a model."""
        return cls(signals=manifest.training_data, config=manifest.config, versions=manifest.versions)

    def differences(self, other: Run, *, versions: bool = True) -> list[str]:
        """Return what differs in `other`, one sentence each; without `versions` those of the libraries may."""
        mine, theirs = (_leaves("", _compared(run, versions=versions)) for run in (self, other))
        keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
        return [f"{key} is {_short(mine.get(key))} here, {_short(theirs.get(key))} there" for key in keys]


def listed(differences: Sequence[str]) -> str:
    """Return the first three of the `differences` in one line."""
    more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
    return "; ".join(differences[:3]) + more


def run_of(signals: Sequence[Signal], config: RunConfig) -> Run:
    """Return what decides the weights of a training that is yet to begin; `config` is resolved."""
    return Run(signals=channels_of(signals)[1], config=config, versions=_versions())


def manifest_of(
    signals: Sequence[Signal],
    config: RunConfig,
    *,
    scaler: Scaler,
    predictors: Sequence[Predictor],
    intervals: IntervalState,
    training_range: TrainingRange | None = None,
    interrupted: bool = False,
) -> Manifest:
    """Return the manifest of a training that has ended; the first of the `predictors` makes the forecast."""
    channels, training_data = channels_of(signals)
    states = [
        PredictorState(
            name=predictor.name,
            parameters=predictor.parameters.model_dump(mode="json"),
            tensors=tuple(predictor.tensors()),
        )
        for predictor in predictors
    ]
    first, weights = predictors[0], None
    if isinstance(first, Ensemble):
        weights = EnsembleState(next=first.mean_weights(0, 1), fed_back=first.mean_weights(1))
    return Manifest(
        task=predictor_class(config.predictor).task,
        created=now(),
        versions=_versions(),
        seed=config.seed,
        config=config,
        window=config.window,
        split=config.split,
        channels=channels,
        sample_rate_hz=signals[0].sample_rate_hz,
        scaler=ScalerState(mean=tuple(scaler.mean.tolist()), scale=tuple(scaler.scale.tolist())),
        predictors=tuple(states),
        combination=weights,
        intervals=intervals,
        training_range=training_range,
        training_data=training_data,
        interrupted=interrupted,
    )


def channels_of(signals: Sequence[Signal]) -> tuple[Channels, tuple[TrainingData, ...]]:
    """Return the channels of the first of the `signals`, and the record of each.

    Raises: SignalError if a column has a name that a model folder cannot hold.
    """
    first = signals[0]
    try:
        channels = Channels(
            target=first.channels,
            exogenous=first.exogenous,
            known=first.known,
            units=first.units or ("",) * len(first.channels),
            labels=first.symbols,
            covariate_units=_covariate_units(first),
        )
        return channels, tuple(TrainingData.of(signal) for signal in signals)
    except ValidationError as error:
        hint = "Rename the columns in the file's header."
        raise SignalError(
            f"the columns cannot be recorded: {error.errors()[0]['msg']}", path=first.path, hint=hint
        ) from None


def _covariate_units(signal: Signal) -> tuple[str, ...]:
    """Return a unit for each covariate, those of the calendar among them; nothing where none is known."""
    units = signal.covariate_units
    return (*units, *[""] * (len(signal.exogenous) - len(units))) if any(units) else ()


def _versions() -> dict[str, str]:
    """Return the versions that a repetition of the run needs."""
    versions = {"forecaster": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            # A forecaster in closed form is trained without TensorFlow.
            continue
    return versions


def _compared(run: Run, *, versions: bool) -> dict[str, Any]:
    """Return what must be the same for `run` to be repeated: not the names of its files, which may be moved."""
    files = [{"sha256": file.sha256, "rows": file.rows, "recordings": file.cut} for file in run.signals]
    numbered = {f"signal {number}": file for number, file in enumerate(files, 1)}
    config = run.config.model_dump(mode="json")
    return {"signals": len(files), **numbered, **config, **({"version": run.versions} if versions else {})}


def _leaves(prefix: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of a tree of mappings by their dotted names."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        is_branch = isinstance(value, Mapping) and value
        leaves |= _leaves(f"{prefix}{key}.", value) if is_branch else {f"{prefix}{key}": value}
    return leaves


def _short(value: Any) -> str:
    return printable("not set" if value is None else json.dumps(value, ensure_ascii=False), 60)
