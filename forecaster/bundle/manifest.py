"""model.json, format 1: what a model folder says of itself, every field with its range.

The folder may come from a stranger, so a manifest that validates is one that can be used
without further thought: every length agrees with every other, and every size is bounded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, FailFast, Field, model_validator

from forecaster.bundle.strict_json import complaint
from forecaster.config import MAX_COVARIATES, Frozen, Positive, RunConfig, Split, Task, Window
from forecaster.conformal.bands import IntervalState
from forecaster.errors import printable
from forecaster.signal.signal import Signal

FORMAT = 1
FILES = ("tensors.safetensors", "history.csv", "metrics.json", "README.md")
MAX_CHANNELS = 100_000
MAX_VALUES = 10**9
"""The most values that a segment, or the quantiles, of all channels together may have."""


def _shown(text: str) -> str:
    if wrong := complaint(text):
        raise ValueError(wrong)
    return text


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return text


Name = Annotated[str, Field(max_length=256), AfterValidator(_shown)]
Moment = Annotated[str, Field(max_length=20), AfterValidator(_moment)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(ge=-1e300, le=1e300)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_CHANNELS), FailFast()]
Scalar = bool | int | float | str | None
Values = Annotated[tuple[Scalar, ...], Field(max_length=MAX_CHANNELS, fail_fast=True)]


class Channels(Frozen):
    """The columns that are forecast, those that help, the targets' units (C,); of symbols, the K labels in order.

    Of the last `known` exogenous columns the future is known.
    """

    target: Annotated[Names, Field(min_length=1)]
    exogenous: Names = ()
    known: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    labels: Names = ()
    units: Names = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns that the model reads, (C + X): the targets first."""
        return (*self.target, *self.exogenous)

    @property
    def past_covariates(self) -> tuple[str, ...]:
        """The exogenous columns whose past alone is known, X of them."""
        return self.exogenous[: len(self.exogenous) - self.known]

    @property
    def future_covariates(self) -> tuple[str, ...]:
        """The exogenous columns whose future is known too, F of them: they come last."""
        return self.exogenous[len(self.exogenous) - self.known :]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _unique("channels", self.columns)
        _unique("labels", self.labels)
        _equal("units", len(self.units), len(self.target))
        return self


class ScalerState(Frozen):
    """The scaler: `mean` and `scale` (C + X,), in the channels' units."""

    mean: Annotated[tuple[Number, ...], Field(max_length=MAX_CHANNELS), FailFast()]
    scale: Annotated[tuple[Positive, ...], Field(max_length=MAX_CHANNELS), FailFast()]


class PredictorState(Frozen):
    """A predictor: its name, parameters, and the names of its tensors (without the predictor's)."""

    name: Name
    parameters: Annotated[dict[Name, Scalar | Values], Field(max_length=256)] = Field(default_factory=dict)
    tensors: Annotated[tuple[Name, ...], Field(max_length=4096), FailFast()] = ()


Share = Annotated[float, Field(ge=0, le=1)]


class EnsembleState(Frozen):
    """Who carries a combined forecast: shares of the `next` segment and of those fed back, means over the channels.

    It is there to be read; the weights of each channel and segment are the tensor ``auto/weights``.
    """

    next: Annotated[dict[Name, Share], Field(min_length=1, max_length=64)]
    fed_back: Annotated[dict[Name, Share], Field(max_length=64)] = Field(default_factory=dict)


class TrainingData(Frozen):
    """A file that the model was trained on; `sha256` is that of its bytes, or of its values where there was no file.

    `cut` is the hash of the lengths of its recordings: which rows were held back depends on them.
    """

    name: Name
    rows: Count
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    cut: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""

    @classmethod
    def of(cls, signal: Signal) -> Self:
        """Record a signal that was read."""
        lengths = ",".join(str(len(recording)) for recording in signal.recordings)
        cut = hashlib.sha256(lengths.encode()).hexdigest()[:16]
        return cls(name=printable(signal.name, 256), rows=signal.rows, sha256=signal.identity, cut=cut)


class Manifest(Frozen):
    """model.json. `interrupted`: Ctrl-C ended the training early; `files` is empty until `save` has written them."""

    format: Literal[1] = 1
    task: Task = "forecast"
    created: Moment
    versions: Annotated[dict[Name, Name], Field(max_length=64)] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    config: RunConfig
    window: Window
    split: Split
    channels: Channels
    sample_rate_hz: Positive | None = None
    scaler: ScalerState
    predictors: Annotated[tuple[PredictorState, ...], Field(min_length=1, max_length=64), FailFast()]
    combination: EnsembleState | None = None
    intervals: IntervalState
    training_data: Annotated[tuple[TrainingData, ...], Field(max_length=MAX_CHANNELS), FailFast()] = ()
    interrupted: bool = False
    files: Annotated[dict[Name, Sha256], Field(max_length=len(FILES))] = Field(default_factory=dict)

    @property
    def n_channels(self) -> int:
        """C, the number of channels that are forecast."""
        return len(self.channels.target)

    @property
    def data_name(self) -> str:
        """The name of the data directory that `to_json` commits to."""
        return data_name(self.to_json())

    def to_json(self) -> bytes:
        """Return model.json as bytes: one line for each field, so that a difference can be read."""
        fields = self.model_dump(mode="json")
        lines = (f"  {json.dumps(key)}: {_json(value)}" for key, value in fields.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8", "surrogatepass")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for name in ("seed", "window", "split"):
            if getattr(self.config, name) != getattr(self, name):
                raise ValueError(f"{name} differs from config.{name}")
        _equal("scaler.mean", len(self.scaler.mean), len(self.channels.columns))
        _equal("scaler.scale", len(self.scaler.scale), len(self.channels.columns))
        _equal("channels.exogenous", len(self.channels.exogenous), self.window.exogenous)
        _equal("channels.known", self.channels.known, self.window.known)
        _check_joint(self)
        _equal("channels.labels", len(self.channels.labels), self.window.symbols)
        _check_task(self)
        _unique("predictors", [one.name for one in self.predictors])
        _check_combination(self)
        _check_intervals(self.intervals, self.n_channels)
        if self.n_channels * self.window.n_input > MAX_VALUES:
            raise ValueError(f"{self.n_channels} channels of {self.window.n_input} samples are too many")
        return self


def data_name(content: bytes) -> str:
    """Return the name of the data directory that belongs to the `content` of model.json: the hash of its bytes.

    model.json holds the hash of every other file, so the name stands for the whole model, and a
    model.json that was edited no longer belongs to any data.
    """
    return f"data-{hashlib.sha256(content).hexdigest()[:16]}"


def now() -> str:
    """Return the time as `created` records it, such as ``2025-01-31T12:00:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_task(manifest: Manifest) -> None:
    """Check that symbols are one channel of codes, forecast one at a time, and numbers have no alphabet."""
    symbols = manifest.task == "symbols"
    if symbols != bool(manifest.window.symbols) or symbols != manifest.config.reading.symbols:
        raise ValueError(f"the task {manifest.task} does not agree with the window's symbols, or with the reading")
    if symbols:
        _equal("channels.target", manifest.n_channels, 1)
        _equal("window.n_input", manifest.window.n_input, 1)
        _equal("channels.exogenous", len(manifest.channels.exogenous), 0)
        if manifest.scaler != ScalerState(mean=(0.0,), scale=(1.0,)):
            raise ValueError("symbols are not scaled: scaler must have mean 0 and scale 1")


def _check_joint(manifest: Manifest) -> None:
    """Check that channels that see each other are several, all of them, and carry no state."""
    joint = manifest.config.joint
    if joint and (manifest.n_channels == 1 or manifest.config.carry_state):
        raise ValueError("joint channels are two or more, and no state is carried")
    _equal("window.others", manifest.window.others, manifest.n_channels - 1 if joint else 0)


def _check_combination(manifest: Manifest) -> None:
    known = {one.name for one in manifest.predictors}
    named = manifest.combination and {*manifest.combination.next, *manifest.combination.fed_back}
    if named and not known.issuperset(named):
        raise ValueError("combination names a predictor that is not among the predictors")


def _check_intervals(state: IntervalState, n_channels: int) -> None:
    """Check the intervals' size and lengths; each number of theirs was checked by itself."""
    if state.horizon * n_channels * max(len(state.levels), 1) > MAX_VALUES:
        raise ValueError(f"intervals.horizon {state.horizon} is out of range")
    if state.horizon:
        _equal("intervals.origins", len(state.origins), n_channels)
    if state.reference:
        _equal("intervals.reference", len(state.reference), n_channels)
    if state.separate:
        _equal("intervals.separate", len(state.separate), n_channels)


def _unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: the name {printable(name, 60)!r} comes twice")
        seen.add(name)


def _equal(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"{what} has {found} values for {expected} channels")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
