"""The best, the median and the worst origin of a model, forecast once more for figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.origins import Place, located
from forecaster.evaluation.results import Example
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
Ahead = Mapping[str, Callable[[Origins, int], Array]]
"""NAME -> origins (O,) and horizon to forecasts (O, H)."""


def chosen(errors: Array, places: Sequence[Place]) -> dict[str, Place]:
    """Choose three of all origins at `places` by the model's `errors` (O,).

    >>> chosen(np.array([3.0, 1.0, 2.0]), [Place(0, np.array([10])), Place(1, np.array([20, 30]))])["worst"]
    Place(recording=0, rows=array([10]))
    """
    order = np.argsort(errors, kind="stable")
    number = np.concatenate([np.full(len(place.rows), place.recording) for place in places])
    rows = np.concatenate([place.rows for place in places])
    three = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    return {kind: Place(int(number[o]), rows[o : o + 1]) for kind, o in three.items()}


def example(kind: str, signal: Signal, channel: int, *, place: Place, ahead: Ahead, sizes: tuple[int, int]) -> Example:
    """Forecast from the one origin at `place` with everyone; `sizes` are context and horizon. It has no band yet."""
    origin, (context, horizon) = located(signal, channel, place), sizes
    forecasts = {name: one(origin, horizon)[0] for name, one in ahead.items()}
    first = int(place.rows[0])
    seen, truth = origin.values[first - context : first].astype(np.float64), origin.y_true(horizon)[0]
    return Example(kind, first, signal.recordings[place.recording].time, seen, truth, forecasts)
