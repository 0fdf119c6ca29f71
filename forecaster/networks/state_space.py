"""A state that is carried: h_t = f(x_t, h_{t-1}), and a forecast y_t = g(h_t) at any step.

    f: `layers` basic recurrent layers, h_t = tanh(W [x_t, h_{t-1}] + b), each on the h of the one before
    g: Dense(100, ReLU) -> Dense(N)

The state before the first segment, h_0 of each layer, is learnt. From there `start` and `step`
run over a whole recording segment by segment; a window of S segments only imitates that, for it
starts again at every forecast. The state's rows of W start orthogonal and h_0 at 0; the dense
layers start from a normal distribution of deviation .01. With S = 25 and N = 100 it has 60,600
parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the state-space model with an
initial state, and "single hidden recurrent layer, and several".
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations.recurrent import basic_rnn
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, head, head_shapes

State = tuple[NDArray, ...]


class Parameters(Frozen):
    """The recurrent layers and the units of each, and those of the hidden dense layer."""

    layers: Annotated[int, Field(ge=1, le=16)] = 2
    units: Units = 100
    hidden: Units = 100


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor; ``state_1.s0`` is the first state of the first layer."""
    rows, n = window.width, parameters.units
    shapes: Shapes = {}
    for k in range(1, parameters.layers + 1):
        shapes |= {f"state_{k}.W": (rows + n, n), f"state_{k}.b": (n,), f"state_{k}.s0": (n,)}
        rows = n
    return shapes | head_shapes(n, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for k in range(1, parameters.layers + 1):
        W, b, s0 = _weights(tensors, k)
        y = basic_rnn(y, W, b, start=s0)
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its state did (B, S, n)."""
    by_layer, y = {}, x
    for k in range(1, parameters.layers + 1):
        W, b, s0 = _weights(tensors, k)
        y = basic_rnn(y, W, b, start=s0)
        by_layer[f"state_{k}"] = {"state": y}
    return by_layer


def start(parameters: Parameters, tensors: Tensors, batch: int) -> State:
    """Return the state before the first segment, h_0 of each layer (B, n)."""
    learnt = (tensors[f"state_{k}.s0"] for k in range(1, parameters.layers + 1))
    return tuple(np.broadcast_to(s0, (batch, len(s0))) for s0 in learnt)


def step(parameters: Parameters, tensors: Tensors, state: State, x: NDArray) -> tuple[State, NDArray]:
    """Return the state after one more segment x (B, width), each layer's (B, n), and the next segment (B, N)."""
    # One segment is a window of one step.
    states, y = [], x[:, None]
    for k, s in enumerate(state, start=1):
        W, b, _ = _weights(tensors, k)
        y = basic_rnn(y, W, b, start=s)
        states.append(y[:, 0])
    return tuple(states), head(tensors, states[-1])


def _weights(tensors: Tensors, k: int) -> tuple[NDArray, NDArray, NDArray]:
    """Return W, b and the learnt first state s0 of layer `k`, counted from 1."""
    return tensors[f"state_{k}.W"], tensors[f"state_{k}.b"], tensors[f"state_{k}.s0"]


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.recurrent import BasicRNN
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k in range(1, parameters.layers + 1):
        # All layers but the last hand on every state; the head reads the last one alone.
        options: dict[str, Any] = {"trained_start": True, "return_sequences": k < parameters.layers}
        y = BasicRNN(parameters.units, seed=setting.seed * 101 + 2 * k, name=f"state_{k}", **options)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
