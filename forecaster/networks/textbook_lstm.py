"""The same stack on LSTM layers written as the lecture writes them: W [x_t, y_{t-1}] + b.

    TextbookLSTM(100) -> TextbookLSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)

Source: deck A (COMP5331), "Traditional LSTM", in the network of deck E, "LSTM with
TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.equations.activations import relu
from forecaster.equations.dense import dense
from forecaster.equations.lstm import lstm, textbook_gates
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks.stacked_lstm import Parameters

__all__ = ["Parameters", "build", "forward", "tensor_shapes"]


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape: four matrices (N + n, n) and four biases (n,) a layer."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    shapes: Shapes = {}
    for layer, (rows, n) in enumerate(sizes, start=1):
        shapes |= {f"lstm_{layer}.W{gate}": (rows + n, n) for gate in "fiao"}
        shapes |= {f"lstm_{layer}.b{gate}": (n,) for gate in "fiao"}
    shapes |= {"hidden.kernel": (parameters.units_2, parameters.hidden), "hidden.bias": (parameters.hidden,)}
    return shapes | {"segment.kernel": (parameters.hidden, window.n_input), "segment.bias": (window.n_input,)}


def forward(tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for layer in ("lstm_1", "lstm_2"):
        weights = {name: tensors[f"{layer}.{name}"] for gate in "fiao" for name in (f"W{gate}", f"b{gate}")}
        y = lstm(y, *textbook_gates(weights, len(weights["bf"])))
    y = relu(dense(y[:, -1], tensors["hidden.kernel"], tensors["hidden.bias"]))
    return dense(y, tensors["segment.kernel"], tensors["segment.bias"])


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.regularise import Dropout
    from forecaster.layers.textbook_lstm import TextbookLSTM
    from forecaster.networks._parts import head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        seed = setting.seed * 101 + 10 * k
        y = TextbookLSTM(units, return_sequences=k == 0, seed=seed, name=f"lstm_{k + 1}")(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, head(y, parameters.hidden, window.n_input, setting))
