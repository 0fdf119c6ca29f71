"""The networks, one file each: a file that is added here is a predictor, and no other file changes.

The predictor's name is the file's, with hyphens for underscores, and its description is the
first line of the file's docstring. A module of this package must have:

    Parameters                             the network's sizes, a frozen pydantic model with a default for everything
    tensor_shapes(parameters, window)      the name and the shape of every tensor; a name is LAYER.WEIGHT
    forward(parameters, tensors, x)        the forecast (B, N) of windows x (B, S, window.width), in NumPy
    build(parameters, window, setting)     the same network as a Keras model, which is trained

It may have these constants:

    RECIPE = {...}                         the fields of `config.Recipe` in which it is trained otherwise
    AUTO = True                            it is a member of the ensemble `auto`
    FOLLOWS_LEVEL = True                   a window that is higher by any amount is forecast higher by just as much
    DIRECT = True                          its parameter `segments` says how many segments it forecasts in one pass
    TASK = "symbols"                       x is one-hot (B, S, K); forward returns the probabilities of the next
                                           symbol (B, K), and the Keras model those after every step (B, S, K)

And it may have these functions:

    initial(parameters, window, fitted)    name -> tensor: the weights that do not start at random, taken from the
                                           fitted baselines
    trace(parameters, tensors, x)          layer -> quantity -> (B, S, n): what its gates and states did
    start(parameters, tensors, batch)      a stateful network's state before the first segment
    step(parameters, tensors, state, x)    its state after one more segment x (B, window.width), and the forecast there

The quantities of a trace are called "forget gate", "input gate", "output gate", "update gate",
"reset gate", "candidate", "state" and "output".
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from numpy.typing import NDArray

from forecaster.config import TaskName

Shapes = dict[str, tuple[int, ...]]
Tensors = Mapping[str, NDArray]


class Setting(NamedTuple):
    """How a network starts, and how it is disturbed in training: what `build` needs beyond its sizes.

    `noise` is the deviation of the noise on its input, in scaled units, and `dropout` the share of
    features that are dropped. `lecture` says that it starts as the lecture's program did.
    """

    seed: int = 0
    noise: float = 0.0
    dropout: float = 0.0
    lecture: bool = False


@cache
def names() -> tuple[str, ...]:
    """Return the names of all networks, in alphabetical order."""
    # Cached, because looking for modules reads folders. One whose name starts with _ is shared by several networks.
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(sorted(module.replace("_", "-") for module in modules))


def network(name: str) -> Any:
    """Return the module of the network `name`."""
    return import_module(f"{__name__}.{name.replace('-', '_')}")


def task(name: str) -> TaskName:
    """Return the task of the network `name`: "forecast" unless its module says otherwise."""
    return getattr(network(name), "TASK", "forecast")


def recipe(name: str) -> Mapping[str, Any]:
    """Return the fields of `config.Recipe` in which the network `name` differs from the default."""
    return getattr(network(name), "RECIPE", {})


def members() -> tuple[str, ...]:
    """Return the networks that are members of the ensemble."""
    return tuple(name for name in names() if getattr(network(name), "AUTO", False))


def direct() -> tuple[str, ...]:
    """Return the networks that can forecast several segments in one pass."""
    return tuple(name for name in names() if getattr(network(name), "DIRECT", False))


def ahead(name: str, segments: int) -> dict[str, int]:
    """Return the parameter with which the network `name` forecasts `segments` in one pass; empty if it cannot."""
    return {"segments": segments} if segments > 1 and name in direct() else {}
