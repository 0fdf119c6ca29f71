"""A network explained on a real signal: its gates and states, and how far back it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import OutputError, UsageError
from forecaster.explanation.gates import Quantity, features_of, quantities, symbols_of
from forecaster.explanation.lags import LagGradient, lag_gradient
from forecaster.model import Forecaster
from forecaster.predictors.ensemble import Ensemble
from forecaster.predictors.network import NetworkPredictor
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

__all__ = ["Explanation", "Reach", "explain", "reach"]

MANY, MANY_STEPS = 200, 5000
"""Windows by which it is found what units follow, and steps in all of them together."""
GRADIENTS = 8
NOT_FINITE = "What {} computes is not finite, so there is nothing to explain."
NO_GRADIENT = "symbols have no small changes, so a gradient by lag is not defined"


@dataclass(frozen=True)
class Reach:
    """The gradient of a model's forecast by lag, or the `reason` why there is none.

    `name` of the model, its `predictor`, `n_input` = N of its window.
    """

    name: str
    predictor: str
    n_input: int
    gradient: LagGradient | None
    reason: str = ""
    sample_rate_hz: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        own = {"model": self.name, "predictor": self.predictor, "segment": self.n_input}
        if self.gradient is None:
            return {**own, "falls_under_1_percent": None, "reason": self.reason}
        return own | self.gradient.to_json(self.n_input, self.sample_rate_hz)


@dataclass(frozen=True)
class Explanation:
    """One forecast of a model on a signal, and what its network did.

    The forecast is made at row `origin` of the last recording, whose axis is `time`: `context`
    (L,) before it, `forecast` (N,) from it on, in `unit`; where they are symbols, as codes of the
    alphabet `symbols`. `quantities` holds every gate and state.
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
    symbols: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        return {
            "model": self.model,
            "predictor": self.predictor,
            "signal": self.signal,
            "channel": self.channel,
            "origin": self.origin,
            "gradient_by_lag": [one.to_json() for one in self.reaches],
            "gates_and_states": [one.to_json() for one in self.quantities],
        }


def explain(model: Forecaster, signal: Signal, *, at: int | None = None, channel: str | None = None) -> Explanation:
    """Explain the forecast of one channel at row `at` of the last recording of `signal`, by default its end.

    Raises as `Forecaster.require` does, UsageError for a channel or a row that there is not, and
    OutputError if what the model computes is not finite.
    """
    recording = list(signal.series())[-1]
    c, row = _channel(model, channel), _row(model, model.latest(signal), at)
    origin = model.origins(signal, [row])[c]
    forecast = model.run(model.predictor, [origin], model.config.window.n_input)[0]
    _check_finite(model, forecast)
    return Explanation(
        model=model.name,
        predictor=_named(model),
        signal=signal.name,
        channel=model.manifest.channels.target[c],
        unit=model.manifest.channels.units[c],
        origin=row,
        time=recording.time,
        sample_rate_hz=signal.sample_rate_hz,
        context=origin.context(model.config.window).values[0],
        forecast=forecast,
        quantities=tuple(_quantities(model, signal, row, c)),
        reaches=(reach(model, signal, c),),
        symbols=model.manifest.channels.labels,
    )


def _network(model: Forecaster) -> NetworkPredictor | None:
    """Return the network whose gates are shown: the model's, or that of a combination with the largest share."""
    if isinstance(model.predictor, Ensemble):
        shares = model.predictor.mean_weights(0, 1)
        networks = [one for one in model.predictor.members if isinstance(one, NetworkPredictor)]
        return max(networks, key=lambda one: shares.get(one.name, 0.0), default=None)
    return model.predictor if isinstance(model.predictor, NetworkPredictor) else None


def _named(model: Forecaster) -> str:
    network, own = _network(model), model.predictor.name
    return own if network is None or network.name == own else f"{network.name} in {own}"


def reach(model: Forecaster, signal: Signal, channel: int = 0) -> Reach:
    """Measure how far back `model` looks, over windows spread evenly over the last recording of `signal`."""
    window, predictor = model.config.window, model.predictor
    named = Reach(model.name, predictor.name, window.n_input, None, NO_GRADIENT, signal.sample_rate_hz)
    if window.symbols:
        return named
    rows = _spread(model, signal, GRADIENTS)
    context = model.context([model.origins(signal, rows)[channel]])
    exact = predictor.in_double() if isinstance(predictor, NetworkPredictor | Ensemble) else predictor
    gradient = lag_gradient(exact, context)
    _check_finite(model, gradient.by_sample)
    return replace(named, gradient=gradient, reason="")


def _quantities(model: Forecaster, signal: Signal, row: int, channel: int) -> Sequence[Quantity]:
    """Trace the explained window and many others."""
    network = _network(model)
    if network is None:
        return ()
    many = max(2, min(MANY, MANY_STEPS // model.config.window.n_step))
    rows = [row, *_spread(model, signal, many)]
    context = model.context([model.origins(signal, rows)[channel]])
    shown, traced = network.trace(context[:1]), network.trace(context[1:])
    for layers in (shown, traced):
        _check_finite(model, *(values for layer in layers.values() for values in layer.values()))
    window, own = model.config.window, context.values[1:]
    if window.symbols:
        return quantities(shown, traced, symbols_of(own, model.manifest.channels.labels))
    return quantities(shown, traced, features_of(own.reshape(-1, window.n_step, window.n_input)))


def _check_finite(model: Forecaster, *found: NDArray[np.floating]) -> None:
    """Raise OutputError unless all that was `found` of `model` is finite."""
    if not all(np.isfinite(values).all() for values in found):
        raise OutputError(NOT_FINITE.format(model.name or model.predictor.name))


def _spread(model: Forecaster, signal: Signal, count: int) -> list[int]:
    """Return up to `count` rows of the last recording from which it can be forecast, evenly spread."""
    found = np.unique(np.linspace(model.config.window.context, model.latest(signal), count).astype(np.int64))
    return [int(row) for row in found]


def _channel(model: Forecaster, name: str | None) -> int:
    names = model.manifest.channels.target
    if name is not None and name not in names:
        raise UsageError(f"The model has no channel {name!r}.", hint=f"It has: {', '.join(names)}.")
    return 0 if name is None else names.index(name)


def _row(model: Forecaster, rows: int, at: int | None) -> int:
    context = model.config.window.context
    if at is not None and not context <= at <= rows:
        found = f"--at {at} is not within the rows that can be forecast from"
        raise UsageError(f"{found}: {context} to {rows} of the last recording.")
    return rows if at is None else at
