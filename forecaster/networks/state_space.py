"""A state that is carried: h_t = f(x_t, h_{t-1}), and a forecast y_t = g(h_t) at any step.

    f: `layers` basic recurrent layers, h_t = tanh(W [x_t, h_{t-1}] + b), x of the next being h of the last
    g: Dense(100, ReLU) -> Dense(N)

The state before the first segment is learnt, h_0 of each layer. From there `start` and `step`
go on segment by segment for as long as there is a recording, which a window of S segments only
imitates: it starts again at every forecast. The state's rows of W start orthogonal, h_0 at 0,
the dense layers from a normal distribution of deviation .01. With S = 25 and N = 100 it has
60,600 parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the state-space model with an
initial state, and "single hidden recurrent layer, and several".
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations.basic_rnn import basic_rnn
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._numpy import Quantities, Units, head, head_shapes, layer

State = tuple[NDArray, ...]


class Parameters(Frozen):
    """The recurrent layers and the units of each, and those of the hidden dense layer."""

    layers: Annotated[int, Field(ge=1, le=16)] = 2
    units: Units = 100
    hidden: Units = 100


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape; ``state_1.s0`` is the first layer's state before the first step."""
    rows, n = window.width, parameters.units
    shapes: Shapes = {}
    for k in range(1, parameters.layers + 1):
        shapes |= {f"state_{k}.W": (rows + n, n), f"state_{k}.b": (n,), f"state_{k}.s0": (n,)}
        rows = n
    return shapes | head_shapes(n, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    return head(tensors, _run(tensors, x, start(parameters, tensors, len(x)))[-1][:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its state did (B, S, n)."""
    run = _run(tensors, x, start(parameters, tensors, len(x)))
    return {f"state_{k}": {"state": y} for k, y in enumerate(run, start=1)}


def start(parameters: Parameters, tensors: Tensors, batch: int) -> State:
    """Return the state before the first segment, h_0 of each layer (B, n)."""
    first = (tensors[f"state_{k}.s0"] for k in range(1, parameters.layers + 1))
    return tuple(np.broadcast_to(s0, (batch, len(s0))) for s0 in first)


def step(parameters: Parameters, tensors: Tensors, state: State, x: NDArray) -> tuple[State, NDArray]:
    """Return the state after one more segment x (B, width), each layer's (B, n), and the next segment (B, N)."""
    state = tuple(states[:, 0] for states in _run(tensors, x[:, None], state))
    return state, head(tensors, state[-1])


def _run(tensors: Tensors, x: NDArray, state: State) -> list[NDArray]:
    """Return every layer's states over x (B, S, width), each (B, S, n), from each layer's `state` (B, n)."""
    found, y = [], x
    for k, s0 in enumerate(state, start=1):
        weights = layer(tensors, f"state_{k}")
        y = basic_rnn(y, weights["W"], weights["b"], start=s0)
        found.append(y)
    return found


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.basic_rnn import BasicRNN
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._parts import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k in range(1, parameters.layers + 1):
        options: dict[str, Any] = {"trained_start": True, "return_sequences": k < parameters.layers}
        y = BasicRNN(parameters.units, seed=setting.seed * 101 + 2 * k, name=f"state_{k}", **options)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
