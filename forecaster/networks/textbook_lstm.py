"""The same stack on LSTM layers written as the lecture writes them: W [x_t, y_{t-1}] + b.

    TextbookLSTM(100) -> TextbookLSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)

Source: deck A (COMP5331), "Traditional LSTM", in the network of deck E, "LSTM with
TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.equations import lstm
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, head, head_shapes, layer_weights, lstm_quantities
from forecaster.networks.stacked_lstm import LAYERS, Parameters

__all__ = ["Parameters", "build", "forward", "tensor_shapes", "trace"]


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor: four matrices (N + n, n) and four biases (n,) a layer."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    shapes: Shapes = {}
    for name, (rows, n) in zip(LAYERS, sizes, strict=True):
        shapes |= {f"{name}.W{gate}": (rows + n, n) for gate in "fiao"}
        shapes |= {f"{name}.b{gate}": (n,) for gate in "fiao"}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for name in LAYERS:
        y = lstm.lstm(y, *lstm.textbook_gates(layer_weights(tensors, name)))
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    by_layer, y = {}, x
    for name in LAYERS:
        layer = lstm.trace(y, *lstm.textbook_gates(layer_weights(tensors, name)))
        by_layer[name], y = lstm_quantities(layer), layer.y
    return by_layer


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.lstm import TextbookLSTM
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        seed = setting.seed * 101 + 10 * k
        y = TextbookLSTM(units, return_sequences=k == 0, seed=seed, name=f"lstm_{k + 1}")(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
