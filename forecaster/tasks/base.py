"""What a task is: everything that differs between forecasting numbers and forecasting symbols."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Channels
from forecaster.config import Recipe, RunConfig, Split, TaskName, Window
from forecaster.conformal.bands import IntervalState
from forecaster.evaluation import Evaluation, ForecastFn, Request, evaluate
from forecaster.evaluation.scoring import Scorer
from forecaster.forecasting.forecast import Forecast
from forecaster.predictors import Predictor, names, predictor_class
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.training_range import TrainingRange
from forecaster.signal.windows import WindowSplits

if TYPE_CHECKING:
    from forecaster.tasks.fitted import FittedModel

Array = NDArray[np.float64]
Examples = tuple[NDArray, NDArray]


@dataclass(frozen=True)
class Series:
    """One channel of one recording, whose end is to be forecast: `origin` holds the one place."""

    signal: Signal
    recording: Recording
    origin: Origins

    def named(self, channels: Channels) -> dict[str, Any]:
        """Return the fields of a `Forecast` that name it and place it in time; `channels` are the model's."""
        names, channel = channels.target, self.origin.channel
        parts = (self.signal.name, self.recording.label, names[channel] if len(names) > 1 else "")
        return {
            "unique_id": "/".join(part for part in parts if part),
            "channel": names[channel],
            "unit": channels.units[channel],
            "time": self.recording.time,
            "first": len(self.recording),
            "sample_rate_hz": self.signal.sample_rate_hz,
        }


class Task(ABC):
    """What a model forecasts, and all that follows from it.

    Nothing outside this package asks which task a model has: it asks the model's task to do its part.
    """

    name: ClassVar[TaskName]
    # What a file must hold, in messages.
    noun: ClassVar[str]
    columns: ClassVar[str]
    # How files are read and windows are cut unless options say otherwise, as sections of a run's settings.
    settings: ClassVar[Mapping[str, Mapping[str, Any]]]
    # Options of the command line that mean nothing for the task, with the reason.
    unused_options: ClassVar[Mapping[str, str]] = {}

    @property
    def predictors(self) -> list[str]:
        """The names of all predictors of the task, in the order in which they are listed."""
        by_task: dict[TaskName, list[str]] = {}
        for name in names():
            by_task.setdefault(predictor_class(name).task, []).append(name)
        return by_task[self.name]

    # --- reading -------------------------------------------------------------------------

    @abstractmethod
    def suggested_training(self, signal: Signal) -> str | None:
        """Return a command that trains a model which fits `signal`, or None if it is too short for any."""

    @abstractmethod
    def holds(self, signal: Signal) -> bool:
        """Return whether `signal` holds what the task forecasts."""

    def harmonised(self, signals: Sequence[Signal]) -> list[Signal]:
        """Return training signals in terms that all of them share."""
        return list(signals)

    @abstractmethod
    def aligned(self, signal: Signal, labels: tuple[str, ...]) -> Signal:
        """Return `signal` in the terms of a model with these `labels`; SignalError if it is of another task."""

    # --- training ------------------------------------------------------------------------

    # The label of the loss in the learning curve.
    loss_label: ClassVar[str]

    @abstractmethod
    def loss(self, recipe: Recipe) -> str:
        """Return the loss of a network by its Keras name."""

    @abstractmethod
    def window_fields(self, config: RunConfig, signals: Sequence[Signal]) -> dict[str, int]:
        """Return the fields of the window that the data decide; UsageError or SignalError where they do not fit."""

    @abstractmethod
    def window_size(self, window: Window, fields: Mapping[str, int]) -> str:
        """Return how large a window is with these `fields`, in words."""

    @abstractmethod
    def suggested_window(self, rows: int, split: Split, period: float | None) -> tuple[int, int] | None:
        """Return the (S, N) to suggest for a recording of `rows` rows, or None if it is too short for any."""

    @abstractmethod
    def fit_scaler(self, training: Sequence[Array], signal: Signal) -> Scaler:
        """Return the scaler of the `training` rows of every recording; the columns are those of `signal`."""

    def training_range(
        self, parts: Sequence[Array], scaler: Scaler, window: Window, signal: Signal
    ) -> TrainingRange | None:
        """Return the range of the contexts in the training and validation `parts`; None for a task without one."""
        return None

    def remarks(self, parts: Sequence[Array], window: Window) -> tuple[str, ...]:
        """Return in sentences how the training `parts` (T, C) of recordings differ, where that changes the model."""
        return ()

    @abstractmethod
    def choice_ends(self, begins: NDArray[np.int64], ends: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
        """Return for each run the row up to which its targets choose a network's best state and ridge's penalty."""

    @abstractmethod
    def examples(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], window: Window) -> Examples:
        """Return what a network is trained on, of windows (B, S, N) with targets (B, N)."""

    @abstractmethod
    def calibrate(
        self, predictor: Predictor, splits: WindowSplits, config: RunConfig, fold_predictors: Sequence[Predictor]
    ) -> tuple[IntervalState, NDArray[np.float32]]:
        """Return the state and the quantiles of the bands that the validation part gives.

        `fold_predictors` has for each fold of the validation part the predictor as it was found without that fold.
        """

    # --- forecasting ---------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def rollout(predictor: Any, context: Context, horizon: int) -> Any:
        """Return what `forecasts` takes: the forecast of `horizon` steps after each row of `context`.

        A task names a function of `forecasting` here, so that a forecast goes from the model straight into the rollout.
        """

    @abstractmethod
    def forecasts(
        self, model: FittedModel, series: Sequence[Series], context: Context, rolled: Any, levels: Sequence[int]
    ) -> list[Forecast]:
        """Return the Forecast of each of `series`, with bands at `levels`.

        `context` has the scaled contexts of all of them, a row each, and `rolled` is their rollout.
        """

    # --- evaluation ----------------------------------------------------------------------

    @abstractmethod
    def forecast_fn(self, model: FittedModel) -> ForecastFn:
        """Return the function that forecasts with several of the predictors of `model` at once."""

    @abstractmethod
    def scorer(self, model: FittedModel, levels: Sequence[int]) -> Scorer:
        """Return what scores the forecasts of `model`, and its bands at `levels`."""

    def evaluate(
        self, model: FittedModel, signals: Sequence[Signal], first_targets: Sequence[Sequence[int]], request: Request
    ) -> Evaluation:
        """Return the scores of `model` and of the predictors beside it.

        Recording r of signal i is scored from row ``first_targets[i][r]`` on.
        """
        return evaluate(
            signals,
            first_targets,
            self.forecast_fn(model),
            names=tuple(model.scored),
            window=model.manifest.window,
            horizon=request.horizon,
            stride=request.stride,
            scorer=self.scorer(model, request.levels),
            grouped=model.manifest.window.others > 0,
            model=model.name,
            own_baseline=model.own_baseline,
            reuse=request.reuse,
            keep=request.keep,
        )

    # --- showing -------------------------------------------------------------------------

    def facts(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """Return the facts of a model that only this task has, as (name, text)."""
        return []

    # Whether values change by small amounts, so that a line may join them.
    is_continuous: ClassVar[bool]
    # Why a gradient by lag is not defined, or "".
    no_gradient: ClassVar[str] = ""

    @abstractmethod
    def features(self, values: Array, window: Window, labels: Sequence[str]) -> dict[str, NDArray[np.floating]]:
        """Return by name the features (W, S) of contexts (W, L) that a unit of a network may follow."""
