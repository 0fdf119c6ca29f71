"""What a run was asked to do: frozen records that are kept in the model folder, and read from TOML.

Every number has a range, because `model.json` may come from a stranger: the gate of the model
folder validates with these same classes. The names of the fields are the keys of `model.json`
and of a TOML file, and stay as they are for format 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError, model_validator

from forecaster.errors import UsageError

# Samples of a window, of all its channels together: 80 MB in double precision.
MAX_CONTEXT = 10**7
# Covariates of a model, other channels that each sees, and symbols of an alphabet.
MAX_COVARIATES = 4096
Text = Annotated[str, Field(max_length=256)]
Texts = Annotated[tuple[Text, ...], FailFast()]
# The cycles of the calendar in which the place of a sample can be a covariate.
Cycle = Literal["minute-of-hour", "hour-of-day", "day-of-week", "day-of-year"]
# A model forecasts the next segment of numbers, or the probabilities of the next symbol.
TaskName = Literal["forecast", "symbols"]
# In percent.
Fraction = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e300, allow_inf_nan=False)]


class Frozen(BaseModel):
    """A frozen, strict record: an unknown key or a number outside its range is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


def not_valid(error: ValidationError, model: type[BaseModel]) -> UsageError:
    """Return, to be raised, what is wrong with the first setting that pydantic refused."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"])) or "the settings"
    return UsageError(f"{key}: {first['msg']}.", hint=f"The settings are: {', '.join(model.model_fields)}.")


class ReadingOptions(Frozen):
    """How a file becomes a signal; stored with the model and used again by forecast and evaluate.

    `columns`, `exogenous` and `known` name the columns that are forecast, the covariates whose past
    alone is known, and those whose future is known too; `calendar` adds covariates that are computed
    from the time stamps; `rename` gives columns other names, each as OLD=NEW. The other fields are
    the options of the command line by the same names.
    """

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
    # Options that folders of earlier versions do not have are written where they are set.
    rename: Annotated[Texts, Field(exclude_if=lambda names: not names)] = ()
    time_zone: Annotated[Text | None, Field(exclude_if=lambda name: name is None)] = None
    skip_end: Annotated[int, Field(ge=0, le=10**9, exclude_if=lambda rows: rows == 0)] = 0

    def replaced(self, **settings: Any) -> ReadingOptions:
        """Return the options with some `settings` replaced; a text stands for a list of one.

        >>> ReadingOptions().replaced(columns="speed", rate_hz=1024).columns
        ('speed',)

        Raises:
            UsageError: A setting that there is not, or a value that does not fit.
        """
        lists = {name for name, field in type(self).model_fields.items() if field.default == ()}
        texts = {name: (value,) for name, value in settings.items() if name in lists and isinstance(value, str)}
        try:
            return ReadingOptions.model_validate(self.model_dump() | settings | texts)
        except ValidationError as error:
            raise not_valid(error, ReadingOptions) from None


class Window(Frozen):
    """A window: S = n_step consecutive segments of N = n_input samples, one window every `stride` samples.

    The other five fields follow from the data. `exogenous` is the number of covariates, X + F; the
    last `known` of them are the F future covariates, of which a step sees the segment that it is to
    forecast. `others` is C - 1, the number of other targets, if each target sees them, and else 0.
    `symbols` is K, the size of the alphabet, if the samples are codes of symbols, and else 0. With
    `normalised` each window is taken relative to its own level and in units of its own spread, as
    recordings of different size need it.
    """

    n_step: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 25
    n_input: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 100
    stride: Annotated[int, Field(ge=1, le=MAX_CONTEXT)] = 1
    exogenous: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    known: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    others: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    symbols: Annotated[int, Field(ge=0, le=MAX_COVARIATES)] = 0
    normalised: Annotated[bool, Field(exclude_if=lambda is_normalised: not is_normalised)] = False

    @property
    def columns(self) -> int:
        """The number of segments that one step sees: 1 + X + F, and where it sees the other targets C - 1 + C more.

        The last C of these mark which of the channels is forecast.
        """
        return 1 + self.exogenous + (2 * self.others + 1 if self.others else 0)

    @property
    def width(self) -> int:
        """The number of values that one step sees: N for each of its columns, or K for a one-hot symbol."""
        return self.symbols or self.n_input * self.columns

    @property
    def context(self) -> int:
        """L = S * N, the number of samples before an origin that a forecast is made from."""
        return self.n_step * self.n_input

    @model_validator(mode="after")
    def _bounded(self) -> Window:
        if self.n_step * self.width > MAX_CONTEXT:
            raise ValueError(f"a window of {self.n_step} x {self.width} samples is larger than {MAX_CONTEXT}")
        if self.known > self.exogenous:
            raise ValueError(f"{self.known} known channels among {self.exogenous} exogenous ones")
        if self.symbols and self.others:
            raise ValueError("symbols are one channel, and have no others")
        if self.normalised and (self.symbols or self.others):
            raise ValueError("neither symbols nor channels that see each other are normalised by window")
        return self


class Split(Frozen):
    """The shares of a recording, in percent and in time order: training, validation, test."""

    training: Fraction = 70.0
    validation: Fraction = 15.0
    test: Fraction = 15.0

    @model_validator(mode="after")
    def _adds_up(self) -> Split:
        if abs(self.training + self.validation + self.test - 100) > 1e-9:
            raise ValueError("the three shares of the split must add up to 100")
        if self.training <= 0 or self.validation <= 0:
            raise ValueError("training and validation need a share above 0")
        return self


class Recipe(Frozen):
    """How a network is trained.

    `warmup` is a share of the `steps`; `noise` is the standard deviation of what is added to the scaled
    input. `average` is the decay per step of the moving average of the weights that is kept; 0 keeps
    the weights themselves. `patience` counts epochs of `steps_per_epoch` without a better validation
    loss. A budget is a number of steps and never a time, so that a training can be repeated exactly.
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


# The lecture's own recipe; the deck names no steps and no batch. Source: deck E, "LSTM with TensorFlow".
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


class RunConfig(Frozen):
    """A whole training run, resolved: what `config` in model.json records.

    `recipe` is how the network is trained; an ensemble has the recipe of each member in `recipes`.
    With `joint` each target sees the other targets. With `carry_state` the network is stateful. In
    the direct mode a predictor that is able to forecasts the next `ahead` segments in one pass.
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

    @classmethod
    def of(
        cls,
        *,
        predictor: str,
        n_step: int,
        n_input: int,
        stride: int,
        split: Sequence[float],
        recipe: Mapping[str, Any],
        **settings: Any,
    ) -> RunConfig:
        """Return a run from plain settings; a size of the window that is the default counts as not chosen.

        `settings` are further fields.

        Raises:
            UsageError: A setting that there is not, or a value that does not fit.
        """
        sizes = {"n_step": n_step, "n_input": n_input, "stride": stride}
        window = {name: size for name, size in sizes.items() if size != Window.model_fields[name].default}
        chosen = {name: value for name, value in recipe.items() if value is not None}
        complete = {**LECTURE.model_dump(), **chosen} if chosen.get("name") == "lecture" else chosen
        shares = dict(zip(("training", "validation", "test"), split, strict=False))
        try:
            return cls.model_validate(
                {"predictor": predictor, "window": window, "split": shares, "recipe": complete, **settings}
            )
        except ValidationError as error:
            raise not_valid(error, cls) from None
