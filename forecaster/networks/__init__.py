"""The networks, one file each; a file added here is a predictor of its own.

Each module has::

    Parameters                                   its sizes, a frozen pydantic model
    tensor_shapes(parameters, window)            the name and shape of every tensor
    forward(parameters, tensors, x)              (B, S, window.width) -> (B, N) in NumPy
    build(parameters, window, setting)           the same as a Keras model

and, if it is best trained in a way of its own, or stands in the combination `auto`,

    RECIPE                                       the fields of `config.Recipe` in which it differs from the default
    AUTO                                         True

and, if its parameter `segments` says how many segments it makes in one pass,

    DIRECT                                       True

and, if it does not start at random,

    initial(parameters, window, fitted)          name -> tensor: weights to start from, taken of the fitted baselines

and, if it answers with something else than the next segment,

    TASK                                         "symbols": x is one-hot (B, S, K), forward gives probabilities (B, K),
                                                 and the Keras model those after every step (B, S, K)

and, if it has something to show or to carry,

    trace(parameters, tensors, x)                layer -> quantity -> (B, S, n): gates and states
    start(parameters, tensors, batch)            its state before the first segment
    step(parameters, tensors, state, x)          its state after one more, x (B, window.width), and the next segment

Gates and states have the names "forget gate", "input gate", "output gate", "update gate",
"reset gate", "candidate", "state" and "output".

The predictor's name is the file's, with hyphens; its description the docstring's first line.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from forecaster.config import Frozen, Task, Window

Shapes = dict[str, tuple[int, ...]]
Tensors = Mapping[str, NDArray]


class Setting(NamedTuple):
    """What a network needs to know to be trained: how it starts and how it is disturbed."""

    seed: int = 0
    noise: float = 0.0
    dropout: float = 0.0
    lecture: bool = False


class Network(Protocol):
    """What a module of this package offers."""

    Parameters: type[Frozen]

    def tensor_shapes(self, parameters: Any, window: Window) -> Shapes:
        """Name every tensor and its shape."""

    def forward(self, parameters: Any, tensors: Tensors, x: NDArray) -> NDArray:
        """Compute the next segment (B, N) of windows x (B, S, width)."""

    def build(self, parameters: Any, window: Window, setting: Setting) -> Any:
        """Make the Keras model."""


def names() -> tuple[str, ...]:
    """Return the networks that there are, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in found))


def task(name: str) -> Task:
    """Return what the network `name` answers with: "forecast" unless its module says otherwise."""
    found: Task = getattr(network(name), "TASK", "forecast")
    return found


def recipe(name: str) -> Mapping[str, Any]:
    """Return the fields of `config.Recipe` in which the network `name` differs from the default."""
    found: Mapping[str, Any] = getattr(network(name), "RECIPE", {})
    return found


def members() -> tuple[str, ...]:
    """Return the networks that stand in the combination."""
    return tuple(name for name in names() if getattr(network(name), "AUTO", False))


def direct() -> tuple[str, ...]:
    """Return the networks that can make several segments in one pass."""
    return tuple(name for name in names() if getattr(network(name), "DIRECT", False))


def ahead(name: str, segments: int) -> dict[str, int]:
    """Return the parameter that lets the network `name` make `segments` in one pass, if it can."""
    return {"segments": segments} if segments > 1 and name in direct() else {}


def network(name: str) -> Any:
    """Return the module of the network `name`."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")
