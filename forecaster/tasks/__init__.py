"""What a model does that depends on its task: numbers with bands, or symbols with probabilities.

`Forecaster` knows no task; it asks `TASKS[manifest.task]`, one module a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from forecaster.config import RunConfig, Task
from forecaster.conformal.bands import IntervalState
from forecaster.evaluation import Evaluation, Request
from forecaster.predictors import Predictor
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal
from forecaster.signal.splits import WindowSplits
from forecaster.tasks import numbers, symbols
from forecaster.tasks.base import Model

__all__ = ["TASKS", "Model", "Work"]


class Work(Protocol):
    """What the module of a task offers."""

    def calibrate(
        self, predictor: Predictor, parts: WindowSplits, config: RunConfig, without: Sequence[Predictor], /
    ) -> tuple[IntervalState, NDArray]:
        """Return the bands that the validation part gives; `without` as in `calibration.residuals`."""

    def own(self, signal: Signal, labels: tuple[str, ...], /) -> Signal:
        """Return `signal` as the model knows signals; SignalError if it is of another task."""

    def made(
        self, model: Model, origins: Sequence[Origins], horizon: int, levels: Sequence[int], /
    ) -> list[dict[str, Any]]:
        """Return what a `Forecast` says, for each of `origins`, one of each series and channel."""

    def evaluate(
        self, model: Model, signals: Sequence[Signal], ranges: Sequence[Sequence[int]], request: Request, /
    ) -> Evaluation:
        """Score the model and the baselines on `signals`."""


TASKS: dict[Task, Work] = {"forecast": numbers, "symbols": symbols}
