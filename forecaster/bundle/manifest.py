"""model.json, format 1: what a model folder says of itself, every field with its range.

The folder may come from a stranger, so a manifest that validates is one that can be used
without further thought: every length agrees with every other, and every size is bounded.
The names of the fields are the keys of the file, and stay as they are for format 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, FailFast, Field, model_validator

from forecaster.bundle.strict_json import complaint
from forecaster.config import MAX_COVARIATES, Frozen, Positive, RunConfig, Split, TaskName, Window
from forecaster.conformal.bands import IntervalState
from forecaster.errors import printable
from forecaster.signal.signal import Signal
from forecaster.signal.training_range import TrainingRange

FORMAT = 1
# The files of the data directory, in the order in which they are written.
FILES = ("tensors.safetensors", "history.csv", "metrics.json", "README.md")
MAX_CHANNELS = 100_000
# Values of a segment, or of the quantiles, of all channels together: 4 GB in single precision.
MAX_VALUES = 10**9
CREATED = "%Y-%m-%dT%H:%M:%SZ"


def _printable_name(text: str) -> str:
    if wrong := complaint(text):
        raise ValueError(wrong)
    return text


def _moment(text: str) -> str:
    datetime.strptime(text, CREATED)
    return text


Name = Annotated[str, Field(max_length=256), AfterValidator(_printable_name)]
Moment = Annotated[str, Field(max_length=20), AfterValidator(_moment)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(ge=-1e300, le=1e300)]
Weight = Annotated[float, Field(ge=0, le=1)]
# FailFast: a list of a hundred thousand wrong names is one complaint, not a hundred thousand.
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_CHANNELS), FailFast()]
Scalar = bool | int | float | str | None
Values = Annotated[tuple[Scalar, ...], Field(max_length=MAX_CHANNELS, fail_fast=True)]


class Channels(Frozen):
    """The columns of the training files.

    `target` are the C channels that are forecast, `units` their units, "" where none is known.
    `exogenous` are the covariates, X + F of them; the future of the last `known` is known too.
    `covariate_units` are their units, nothing where none is known.
    `labels` are the K symbols in the order of their codes.
    """

    target: Annotated[Names, Field(min_length=1)]
    exogenous: Names = ()
    known: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    labels: Names = ()
    units: Names = ()
    # Folders without covariates, or from before their units were stored, do not have the key.
    covariate_units: Annotated[Names, Field(exclude_if=lambda units: not units)] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns that the model reads, the targets first."""
        return (*self.target, *self.exogenous)

    def unit_of(self, column: str) -> str:
        """Return the unit of a column, "" where none is known."""
        return dict(zip(self.columns, (*self.units, *self.covariate_units), strict=False)).get(column, "")

    @property
    def past_covariates(self) -> tuple[str, ...]:
        """The covariates whose past alone is known, X of them."""
        return self.exogenous[: len(self.exogenous) - self.known]

    @property
    def future_covariates(self) -> tuple[str, ...]:
        """The covariates whose future is known too, F of them."""
        return self.exogenous[len(self.exogenous) - self.known :]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _check_unique("channels", self.columns)
        _check_unique("labels", self.labels)
        _check_length("units", len(self.units), len(self.target))
        if self.covariate_units:
            _check_length("covariate_units", len(self.covariate_units), len(self.exogenous))
        return self


class ScalerState(Frozen):
    """The `mean` and `scale` of each column, (C + X + F,), in the channels' units."""

    mean: Annotated[tuple[Number, ...], Field(max_length=MAX_CHANNELS), FailFast()]
    scale: Annotated[tuple[Positive, ...], Field(max_length=MAX_CHANNELS), FailFast()]


class PredictorState(Frozen):
    """A predictor: its name, its parameters, and the names of its tensors without the predictor's in front."""

    name: Name
    parameters: Annotated[dict[Name, Scalar | Values], Field(max_length=256)] = Field(default_factory=dict)
    tensors: Annotated[tuple[Name, ...], Field(max_length=4096), FailFast()] = ()


class EnsembleState(Frozen):
    """The weights of an ensemble's members, means over the channels.

    `next` are those for the next segment, `fed_back` those for the recursive segments. They are for
    people to read: the weights of each channel and segment are the tensor ``auto/weights``.
    """

    next: Annotated[dict[Name, Weight], Field(min_length=1, max_length=64)]
    fed_back: Annotated[dict[Name, Weight], Field(max_length=64)] = Field(default_factory=dict)


class TrainingData(Frozen):
    """A file that the model was trained on.

    `sha256` is the hash of its bytes, or of its values where there was no file. `cut` is the hash
    of the lengths of its recordings, because which rows were held back depends on them.
    """

    name: Name
    rows: Count
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    cut: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""

    @classmethod
    def of(cls, signal: Signal) -> Self:
        """Return the record of a signal that was read."""
        lengths = ",".join(str(len(recording)) for recording in signal.recordings)
        cut = hashlib.sha256(lengths.encode()).hexdigest()[:16]
        return cls(name=printable(signal.name, 256), rows=signal.rows, sha256=signal.identity, cut=cut)


class Manifest(Frozen):
    """The content of model.json.

    `predictors` begins with the one that makes the forecast. `combination` is there where that one
    is an ensemble. `training_range` tells where the contexts of the training lay. `interrupted`
    tells that Ctrl-C ended the training early. `files` are the hashes of the data files, and empty
    until `save` has written them.
    """

    format: Literal[1] = 1
    task: TaskName = "forecast"
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
    # Folders from before it was stored, and those of symbols, do not have the key.
    training_range: Annotated[TrainingRange | None, Field(exclude_if=lambda training_range: training_range is None)] = (
        None
    )
    training_data: Annotated[tuple[TrainingData, ...], Field(max_length=MAX_CHANNELS), FailFast()] = ()
    interrupted: bool = False
    files: Annotated[dict[Name, Sha256], Field(max_length=len(FILES))] = Field(default_factory=dict)

    @property
    def n_channels(self) -> int:
        """C, the number of channels that are forecast."""
        return len(self.channels.target)

    @property
    def data_name(self) -> str:
        """The name of the data directory that belongs to `to_json`."""
        return data_name(self.to_json())

    def to_json(self) -> bytes:
        """Return model.json as bytes: one line for each field, so that a difference can be read."""
        fields = self.model_dump(mode="json")
        lines = (
            f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for key, value in fields.items()
        )
        # A lone surrogate passes here: the gate, which reads this before it is written, refuses it in its own words.
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8", "surrogatepass")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # model.json has these three twice: at the top for people, in the configuration for a repetition.
        for name in ("seed", "window", "split"):
            if getattr(self.config, name) != getattr(self, name):
                raise ValueError(f"{name} differs from config.{name}")
        _check_channels(self)
        _check_task(self)
        _check_predictors(self)
        _check_intervals(self.intervals, self.n_channels)
        if self.training_range and not self.n_channels <= len(self.training_range.level) <= len(self.channels.columns):
            raise ValueError("training_range is of other columns than the model's")
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
    return datetime.now(UTC).strftime(CREATED)


class TaskRules(NamedTuple):
    """What the manifest of one task must hold, beyond what holds for all.

    `has_alphabet` tells whether samples are codes of symbols, `is_scaled` whether the scaler may be
    anything but mean 0 and scale 1; `lengths` are those that the task fixes.
    """

    has_alphabet: bool
    is_scaled: bool
    lengths: Mapping[str, int]


TASK_RULES: dict[TaskName, TaskRules] = {
    "forecast": TaskRules(has_alphabet=False, is_scaled=True, lengths={}),
    # Symbols are one channel of codes, forecast one at a time.
    "symbols": TaskRules(
        has_alphabet=True,
        is_scaled=False,
        lengths={"channels.target": 1, "window.n_input": 1, "channels.exogenous": 0},
    ),
}


def _check_channels(manifest: Manifest) -> None:
    """Check that the scaler and the window have as many columns as there are channels."""
    channels, window, config = manifest.channels, manifest.window, manifest.config
    _check_length("scaler.mean", len(manifest.scaler.mean), len(channels.columns))
    _check_length("scaler.scale", len(manifest.scaler.scale), len(channels.columns))
    _check_length("channels.exogenous", len(channels.exogenous), window.exogenous)
    _check_length("channels.known", channels.known, window.known)
    if config.joint and (manifest.n_channels == 1 or config.carry_state):
        raise ValueError("joint channels are two or more, and no state is carried")
    _check_length("window.others", window.others, manifest.n_channels - 1 if config.joint else 0)
    _check_length("channels.labels", len(channels.labels), window.symbols)


def _check_task(manifest: Manifest) -> None:
    rules, window = TASK_RULES[manifest.task], manifest.window
    if not rules.has_alphabet == (window.symbols > 0) == manifest.config.reading.symbols:
        raise ValueError(f"the task {manifest.task} does not agree with the window's symbols, or with the reading")
    lengths = {
        "channels.target": manifest.n_channels,
        "window.n_input": window.n_input,
        "channels.exogenous": len(manifest.channels.exogenous),
    }
    for name, expected in rules.lengths.items():
        _check_length(name, lengths[name], expected)
    is_scaled = any(manifest.scaler.mean) or any(scale != 1 for scale in manifest.scaler.scale)
    if is_scaled and not rules.is_scaled:
        raise ValueError(f"{manifest.task} are not scaled: scaler must have mean 0 and scale 1")


def _check_predictors(manifest: Manifest) -> None:
    names = [predictor.name for predictor in manifest.predictors]
    _check_unique("predictors", names)
    weights = manifest.combination
    if weights and not {*weights.next, *weights.fed_back} <= set(names):
        raise ValueError("combination names a predictor that is not among the predictors")


def _check_intervals(state: IntervalState, n_channels: int) -> None:
    """Check the intervals' size and lengths; each number of theirs was checked by itself."""
    if state.horizon * n_channels * max(len(state.levels), 1) > MAX_VALUES:
        raise ValueError(f"intervals.horizon {state.horizon} is out of range")
    if state.horizon:
        _check_length("intervals.origins", len(state.origins), n_channels)
    if state.reference:
        _check_length("intervals.reference", len(state.reference), n_channels)
    if state.separate:
        _check_length("intervals.separate", len(state.separate), n_channels)


def _check_unique(place: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{place}: the name {printable(name, 60)!r} comes twice")
        seen.add(name)


def _check_length(place: str, length: int, expected: int) -> None:
    if length != expected:
        raise ValueError(f"{place} has {length} values for {expected} channels")
