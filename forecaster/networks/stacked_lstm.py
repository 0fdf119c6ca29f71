"""Two stacked LSTMs and two dense layers: the lecture's acceleration predictor.

    LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)

A window is S consecutive segments of N samples; every segment is one step's input. With
S = 25 and N = 100 it has 181,000 parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations import lstm
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, head, head_shapes, lstm_quantities, lstm_weights

LAYERS = ("lstm_1", "lstm_2")


class Parameters(Frozen):
    """The units of the two LSTMs and of the hidden dense layer."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor; gates stand in the order i, f, a, o."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    shapes: Shapes = {}
    for name, (rows, n) in zip(LAYERS, sizes, strict=True):
        shapes |= {f"{name}.kernel": (rows, 4 * n), f"{name}.recurrent_kernel": (n, 4 * n), f"{name}.bias": (4 * n,)}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for name in LAYERS:
        y = lstm.lstm(y, *lstm_weights(tensors, name))
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    by_layer, y = {}, x
    for name in LAYERS:
        layer = lstm.trace(y, *lstm_weights(tensors, name))
        by_layer[name], y = lstm_quantities(layer), layer.y
    return by_layer


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.networks._keras import network_input, stacked_lstms

    inputs, y = network_input(window, setting)
    return keras.Model(inputs, stacked_lstms(y, parameters, window.n_input, setting))
