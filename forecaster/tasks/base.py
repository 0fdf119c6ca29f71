"""What the work of a task needs to know of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.evaluation import Known
from forecaster.predictors import Predictor, baselines
from forecaster.signal.origins import Origins

Array = NDArray[np.float64]


class Model(Protocol):
    """A trained model: `Forecaster`, seen from below."""

    manifest: Manifest
    predictors: tuple[Predictor, ...]
    quantiles: NDArray[np.float32]
    name: str
    known: dict[int, Known] | None

    def run(
        self, predictor: Predictor, origins: Sequence[Origins], horizon: int, made: dict[str, Array] | None = None
    ) -> Array:
        """Forecast with one predictor from `origins` in the channels' units: (O, H) in the same."""


def scored(model: Model) -> dict[str, Predictor]:
    """Return what is scored by name: "model", and whatever stands beside it: baselines, members of a combination."""
    first, *others = model.predictors
    beside = [first, *others] if first.is_baseline else others
    return {"model": first, **{one.name: one for one in sorted(beside, key=_order)}}


def _order(predictor: Predictor) -> int:
    """Place the baselines in their order, and networks behind them."""
    order = baselines(predictor.task)
    return order.index(predictor.name) if predictor.is_baseline else len(order)


def itself(model: Model) -> str:
    """Return the baseline that the model is, or ""."""
    return model.predictors[0].name if model.predictors[0].is_baseline else ""
