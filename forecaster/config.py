"""What a run was asked to do: frozen models, recorded in the model folder and read from TOML.

Every number has a range, because `model.json` may come from a stranger: the gate of the
model folder validates with these same classes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

MAX_CONTEXT = 10**7
MAX_COVARIATES = 4096
Text = Annotated[str, Field(max_length=256)]
Texts = Annotated[tuple[Text, ...], FailFast()]
Cycle = Literal["minute-of-hour", "hour-of-day", "day-of-week", "day-of-year"]
"""A cycle of the calendar that tells a forecast where in it a sample lies."""
Task = Literal["forecast", "symbols"]
"""What a model answers with: the next segment of numbers, or the probabilities of the next symbol."""
Fraction = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e300, allow_inf_nan=False)]


class Frozen(BaseModel):
    """A frozen, strict record: an unknown key or a number outside its range is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


class ReadingOptions(Frozen):
    """How a file becomes a signal; stored with the model and used again by forecast and evaluate."""

    columns: Texts = ()
    exogenous: Texts = ()
    known: Texts = ()
    calendar: Annotated[tuple[Cycle, ...], FailFast()] = ()
    time_columns: Texts = ()
    no_time: bool = False
    time_format: Text | None = None
    rate_hz: Positive | None = None
    units: Texts = ()
    delimiter: Text | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    no_header: bool = False
    skip_rows: Annotated[int, Field(ge=0, le=10**9)] = 0
    encoding: Text | None = None
    na: Texts = ()
    missing: Literal["error", "split", "interpolate"] = "error"
    duplicates: Literal["error", "first", "mean"] = "error"
    sort: bool = False
    group_column: Text | None = None
    recording_rows: Annotated[int, Field(ge=1, le=10**12)] | None = None
    layout: Literal["columns", "wide", "long"] = "columns"
    symbols: bool = False


class Window(Frozen):
    """A window: S = n_step consecutive segments of N = n_input samples, taken every `stride`.

    `exogenous` is X, the channels that stand beside the one that is forecast; of the last `known` of
    them the future is known too, and they stand one segment ahead. `others` is C - 1, the other channels
    that are forecast, where each sees them, else 0. `symbols` is K, the size of the alphabet where the
    samples are codes of symbols, else 0. All four follow from the data.
    """

    n_step: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 25
    n_input: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 100
    stride: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 1
    exogenous: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    known: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    others: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    symbols: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0

    @property
    def columns(self) -> int:
        """The segments in a step: 1 + X, and those of the others with a mark of the own channel, C - 1 + C."""
        return 1 + self.exogenous + (2 * self.others + 1 if self.others else 0)

    @property
    def width(self) -> int:
        """The numbers that one step sees: N for each of its columns, or K for a one-hot symbol."""
        return self.symbols or self.n_input * self.columns

    @property
    def context(self) -> int:
        """L = S * N, the samples that a forecast looks back on."""
        return self.n_step * self.n_input

    @model_validator(mode="after")
    def _bounded(self) -> Window:
        if self.n_step * self.width > MAX_CONTEXT:
            raise ValueError(f"a window of {self.n_step} x {self.width} samples is larger than {MAX_CONTEXT}")
        if self.known > self.exogenous:
            raise ValueError(f"{self.known} known channels among {self.exogenous} exogenous ones")
        if self.symbols and self.others:
            raise ValueError("symbols are one channel, and have no others")
        return self


class Split(Frozen):
    """The shares of a recording, in percent and in time order: training, validation, test."""

    training: Fraction = 70.0
    validation: Fraction = 15.0
    test: Fraction = 15.0

    @model_validator(mode="after")
    def _whole(self) -> Split:
        if abs(self.training + self.validation + self.test - 100) > 1e-9:
            raise ValueError("the three shares of the split must add up to 100")
        if self.training <= 0 or self.validation <= 0:
            raise ValueError("training and validation need a share above 0")
        return self


class Recipe(Frozen):
    """How a network is trained. Budgets are steps, fixed before training, never wall time.

    `average` is the decay, a step, of the moving average of the weights that is kept; 0 keeps the weights themselves.
    """

    name: Literal["default", "lecture"] = "default"
    steps: Annotated[int, Field(ge=1, le=10**7)] = 2400
    batch: Annotated[int, Field(ge=1, le=65536)] = 128
    learning_rate: Positive = 3e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    clip_norm: Positive | None = 1.0
    noise: Annotated[float, Field(ge=0, le=10)] = 0.14
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    epsilon: Positive = 1e-7
    loss: Literal["mse", "mae"] = "mse"
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    steps_per_epoch: Annotated[int, Field(ge=1, le=10**6)] = 100
    patience: Annotated[int, Field(ge=1, le=10**6)] | None = 10


LECTURE = Recipe(
    name="lecture",
    steps=6000,
    batch=64,
    learning_rate=1e-4,
    schedule="constant",
    warmup=0,
    clip_norm=None,
    noise=0,
    dropout=0,
    epsilon=1e-8,
    patience=None,
)
"""The lecture's own recipe; steps and batch are ours, the deck names none. Source: deck E, "LSTM with TensorFlow"."""


class RunConfig(Frozen):
    """A whole training run, resolved: what `config` in model.json records.

    `recipe` is how a network is trained; a combination of several has the one of each in `recipes`.
    In the direct mode a network that can makes the next `ahead` segments in one pass. `joint` shows
    each channel the others that are forecast.
    """

    predictor: Text = "auto"
    parameters: dict[Text, int | float | str | None] = Field(default_factory=dict)
    reading: ReadingOptions = ReadingOptions()
    window: Window = Window()
    split: Split = Split()
    recipe: Recipe = Recipe()
    recipes: Annotated[dict[Text, Recipe], Field(max_length=64)] = Field(default_factory=dict)
    joint: bool = False
    carry_state: bool = False
    horizon_mode: Literal["closed-loop", "direct"] = "closed-loop"
    ahead: Annotated[int, Field(ge=1, le=4096)] = 1
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
