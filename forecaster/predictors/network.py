"""A network as a predictor: it forecasts on the lectures' equations in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Frozen, Task, Window
from forecaster.networks import network
from forecaster.predictors.base import Array, Specs, TensorSpec
from forecaster.signal.context import Context


@dataclass(frozen=True)
class NetworkPredictor:
    """The network `name` with its weights; subclasses made by `kind` name the network."""

    name: ClassVar[str] = ""
    task: ClassVar[Task] = "forecast"
    is_stateful: ClassVar[bool] = False
    Parameters: ClassVar[type[Frozen]] = Frozen
    parameters: Any
    window: Window
    weights: dict[str, NDArray[np.float32]]

    @classmethod
    def specs(cls, parameters: Any, window: Window, channels: int) -> Specs:
        """The network's tensors, in single precision."""
        shapes = network(cls.name).tensor_shapes(parameters, window)
        return {name: TensorSpec("F32", shape) for name, shape in shapes.items()}

    @classmethod
    def restore(cls, parameters: Any, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again."""
        return cls(parameters, window, dict(tensors))

    def tensors(self) -> dict[str, NDArray]:
        """Return the weights."""
        return self.weights

    def predict(self, context: Context) -> Array:
        """Forecast the next segment (B, N) of `context`, in the precision of the weights: single, as stored."""
        found: Array = network(self.name).forward(self.parameters, self.weights, self.steps(context))
        return found.astype(np.float64)

    def steps(self, context: Context) -> NDArray:
        """Return what the network sees of `context` step by step, (B, S, N (1 + X))."""
        return context.segments(self.window).astype(self.dtype)

    def trace(self, context: Context) -> dict[str, dict[str, NDArray]]:
        """Return what gates and states did, layer -> quantity -> (B, S, n); nothing where there are none."""
        module = network(self.name)
        return module.trace(self.parameters, self.weights, self.steps(context)) if hasattr(module, "trace") else {}

    def in_double(self) -> Self:
        """Return the same network in double precision."""
        return replace(self, weights={name: weight.astype(np.float64) for name, weight in self.weights.items()})

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision in which the network computes: that of its weights."""
        return next(iter(self.weights.values())).dtype

    def start(self, batch: int) -> tuple[NDArray, ...]:
        """Return the state before the first segment, each part (B, n)."""
        return tuple(network(self.name).start(self.parameters, self.weights, batch))

    def advance(self, state: tuple[NDArray, ...], segment: Array) -> tuple[tuple[NDArray, ...], Array]:
        """Take in one step's input (B, N (1 + X)); return the new state and the forecast segment (B, N)."""
        state, output = network(self.name).step(self.parameters, self.weights, state, segment.astype(self.dtype))
        return state, output.astype(np.float64)


def kind(name: str, base: type[NetworkPredictor] = NetworkPredictor) -> type[NetworkPredictor]:
    """Return the predictor class of the network `name`, made from the one of its task."""
    module = network(name)
    members = {"name": name, "Parameters": module.Parameters, "is_stateful": hasattr(module, "step")}
    return type(base.__name__, (base,), members)
