"""A network as a predictor: it forecasts on the lectures' equations in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.networks import network
from forecaster.predictors.base import Array, Context, Specs, TensorSpec


@dataclass(frozen=True)
class NetworkPredictor:
    """The network `name` with its weights; subclasses made by `kind` name the network."""

    name: ClassVar[str] = ""
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
        dtype = next(iter(self.weights.values())).dtype
        x = context.segments(self.window).astype(dtype)
        return network(self.name).forward(self.weights, x).astype(np.float64)


def kind(name: str) -> type[NetworkPredictor]:
    """Return the predictor class of the network `name`."""
    return type("NetworkPredictor", (NetworkPredictor,), {"name": name, "Parameters": network(name).Parameters})
