"""One forecast of a model on a signal explained: which window is traced, and over which others the rest is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import OutputError, UsageError
from forecaster.explanation.measures import LagGradient, Quantity, lag_gradient, quantities
from forecaster.model import Forecaster
from forecaster.predictors.ensemble import Ensemble
from forecaster.predictors.network import NetworkPredictor
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

# Windows over which it is measured what units follow, and the most steps that all of them have together.
MANY, MANY_STEPS = 200, 5000
# Windows over which the gradient by lag is averaged: each takes two forecasts a sample of its context.
GRADIENTS = 8


@dataclass(frozen=True)
class Reach:
    """The gradient of a model's forecast by lag, or the `reason` why there is none.

    `name` is that of the model, `predictor` that of its predictor, and `n_input` = N of its window.
    """

    name: str
    predictor: str
    n_input: int
    gradient: LagGradient | None
    reason: str = ""
    sample_rate_hz: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        about = {"model": self.name, "predictor": self.predictor, "segment": self.n_input}
        if self.gradient is None:
            return {**about, "falls_under_1_percent": None, "reason": self.reason}
        return about | self.gradient.to_json(self.n_input, self.sample_rate_hz)


@dataclass(frozen=True)
class Explanation:
    """One forecast of a model on a signal, and what its network did.

    The forecast begins at row `origin` of the last recording, whose axis is `time`: `context` (L,) are the samples
    before it, `forecast` (N,) those from it on, in `unit`; of symbols they are codes, places in `labels`.
    `quantities` holds every gate and state of the network, `reaches` how far back this and other models look.
    """

    model: str
    predictor: str
    signal: str
    channel: str
    unit: str
    origin: int
    time: TimeAxis
    sample_rate_hz: float | None
    context: NDArray[np.float64]
    forecast: NDArray[np.float64]
    quantities: tuple[Quantity, ...]
    reaches: tuple[Reach, ...]
    labels: tuple[str, ...] = ()
    is_continuous: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        return {
            "model": self.model,
            "predictor": self.predictor,
            "signal": self.signal,
            "channel": self.channel,
            "origin": self.origin,
            "gradient_by_lag": [reach.to_json() for reach in self.reaches],
            "gates_and_states": [quantity.to_json() for quantity in self.quantities],
        }


def explain(model: Forecaster, signal: Signal, *, at: int | None = None, channel: str | None = None) -> Explanation:
    """Return the forecast of one channel at row `at` of the last recording of `signal`, explained.

    `at` is the recording's end by default, `channel` the first one.

    Raises:
        SignalError: `signal` does not fit the model, as in `Forecaster.require`.
        UsageError: the model has no such channel, or cannot forecast from that row.
        OutputError: what the model computes is not finite.
    """
    recording = list(signal.series())[-1]
    c, row = _channel(model, channel), _row(model, model.latest(signal), at)
    origin = model.origins(signal, [row])[c]
    forecast = model.forecast_from([origin], model.config.window.n_input)[0]
    _check_finite(model, forecast)
    network, name = _network(model), model.predictor.name
    return Explanation(
        model=model.name,
        predictor=name if network is None or network.name == name else f"{network.name} in {name}",
        signal=signal.name,
        channel=model.manifest.channels.target[c],
        unit=model.manifest.channels.units[c],
        origin=row,
        time=recording.time,
        sample_rate_hz=signal.sample_rate_hz,
        context=origin.context(model.config.window).values[0],
        forecast=forecast,
        quantities=() if network is None else _quantities(model, network, signal, row, c),
        reaches=(reach(model, signal, c),),
        labels=model.manifest.channels.labels,
        is_continuous=model.task.is_continuous,
    )


def reach(model: Forecaster, signal: Signal, channel: int = 0) -> Reach:
    """Return how far back `model` looks, measured over windows spread evenly over the last recording of `signal`."""
    window, predictor = model.config.window, model.predictor
    reason = model.task.no_gradient
    undefined = Reach(model.name, predictor.name, window.n_input, None, reason, signal.sample_rate_hz)
    if reason:
        return undefined
    context = model.predictor_context([model.origins(signal, _spread(model, signal, GRADIENTS))[channel]])
    # Differences of float32 forecasts would be rounding errors.
    gradient = lag_gradient(predictor.in_double(), context)
    _check_finite(model, gradient.by_sample)
    return replace(undefined, gradient=gradient, reason="")


def _network(model: Forecaster) -> NetworkPredictor | None:
    """Return the network whose gates are shown: the model's, or that of an ensemble with the largest weight."""
    if isinstance(model.predictor, Ensemble):
        weights = model.predictor.mean_weights(0, 1)
        networks = [predictor for predictor in model.predictor.members if isinstance(predictor, NetworkPredictor)]
        return max(networks, key=lambda network: weights.get(network.name, 0.0), default=None)
    return model.predictor if isinstance(model.predictor, NetworkPredictor) else None


def _quantities(
    model: Forecaster, network: NetworkPredictor, signal: Signal, row: int, channel: int
) -> tuple[Quantity, ...]:
    """Return the gates and states of `network` at `row`, with what each unit follows over many windows."""
    window = model.config.window
    many = max(2, min(MANY, MANY_STEPS // window.n_step))
    rows = [row, *_spread(model, signal, many)]
    context = model.predictor_context([model.origins(signal, rows)[channel]])
    explained, traced = network.trace(context[:1]), network.trace(context[1:])
    for layers in (explained, traced):
        _check_finite(model, *(values for layer in layers.values() for values in layer.values()))
    features = model.task.features(context.values[1:], window, model.manifest.channels.labels)
    return tuple(quantities(explained, traced, features))


def _check_finite(model: Forecaster, *arrays: NDArray[np.floating]) -> None:
    if not all(np.isfinite(values).all() for values in arrays):
        name = model.name or model.predictor.name
        raise OutputError(f"What {name} computes is not finite, so there is nothing to explain.")


def _spread(model: Forecaster, signal: Signal, count: int) -> list[int]:
    """Return up to `count` rows of the last recording from which it can be forecast, evenly spread."""
    rows = np.linspace(model.config.window.context, model.latest(signal), count).astype(np.int64)
    return [int(row) for row in np.unique(rows)]


def _channel(model: Forecaster, name: str | None) -> int:
    names: Sequence[str] = model.manifest.channels.target
    if name is not None and name not in names:
        raise UsageError(f"The model has no channel {name!r}.", hint=f"It has: {', '.join(names)}.")
    return 0 if name is None else names.index(name)


def _row(model: Forecaster, latest: int, at: int | None) -> int:
    context = model.config.window.context
    if at is not None and not context <= at <= latest:
        limits = f"{context} to {latest} of the last recording"
        raise UsageError(f"--at {at} is not within the rows that can be forecast from: {limits}.")
    return latest if at is None else at
