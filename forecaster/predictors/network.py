"""A network as a predictor: it forecasts in NumPy, on the equations of the lectures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.networks import network
from forecaster.predictors.base import Array, Predictor, Specs, State, TensorSpec
from forecaster.signal.context import Context


@dataclass(frozen=True)
class NetworkPredictor(Predictor):
    """A network with its weights. `of` makes the subclass of each network."""

    is_closed_form = False
    weights: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, name: str) -> type[Self]:
        """Return the predictor class of the network `name`."""
        module = network(name)
        attributes = {
            "name": name,
            "label": f"the network {name}",
            "Parameters": module.Parameters,
            "is_stateful": hasattr(module, "step"),
            "joins_ensemble": getattr(module, "AUTO", False),
            "is_direct": getattr(module, "DIRECT", False),
        }
        return type(cls.__name__, (cls,), attributes)

    @classmethod
    def specs(cls, parameters: Any, window: Window, channels: int) -> Specs:
        """Return the network's tensors, in single precision."""
        shapes = network(cls.name).tensor_shapes(parameters, window)
        return {name: TensorSpec("F32", shape) for name, shape in shapes.items()}

    @classmethod
    def restore(cls, parameters: Any, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the network that was stored."""
        return cls(parameters, window, dict(tensors))

    def tensors(self) -> dict[str, NDArray]:
        """Return the weights."""
        return self.weights

    def in_double(self) -> Self:
        """Return the network in double precision."""
        return replace(self, weights={name: weight.astype(np.float64) for name, weight in self.weights.items()})

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision in which the network computes: that of its weights."""
        return next(iter(self.weights.values())).dtype

    @property
    def segments(self) -> int:
        """The segments that `predict` forecasts in one pass."""
        return getattr(self.parameters, "segments", 1)

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much."""
        return getattr(network(self.name), "FOLLOWS_LEVEL", False)

    @property
    def sees_other_targets(self) -> bool:
        """Whether the forecast of a channel depends on the other channels that are forecast."""
        return self.window.others > 0

    def steps(self, context: Context) -> NDArray:
        """Return the network's input at each step, (B, S, N (1 + X))."""
        return context.segments(self.window).astype(self.dtype)

    def predict(self, context: Context) -> Array:
        """Return the forecast of the next segment (B, N), computed in the precision of the weights."""
        y_hat = network(self.name).forward(self.parameters, self.weights, self.steps(context))
        return y_hat.astype(np.float64)

    def trace(self, context: Context) -> dict[str, dict[str, NDArray]]:
        """Return what gates and states did: layer -> quantity -> (B, S, n); nothing for a network without any."""
        module = network(self.name)
        return module.trace(self.parameters, self.weights, self.steps(context)) if hasattr(module, "trace") else {}

    def start(self, batch: int) -> State:
        """Return the state before the first segment, each part (B, n)."""
        return tuple(network(self.name).start(self.parameters, self.weights, batch))

    def advance(self, state: State, segment: Array) -> tuple[State, Array]:
        """Return the state after one more step of input (B, N (1 + X)), and the forecast of the next segment (B, N)."""
        state, y_hat = network(self.name).step(self.parameters, self.weights, state, segment.astype(self.dtype))
        return state, y_hat.astype(np.float64)
