"""The two stacked LSTMs on the distances from each window's last value.

    z = x - last value
    y = last value + [LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)](z)

The level is taken out of the window and put back. So the network learns the shape alone, and
follows the signal to levels that it did not have in training.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), "LSTM with TensorFlow"; Zeng et al.,
"Are Transformers Effective for Time Series Forecasting?" (2023), section 4, for the last value
(NLinear).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.equations import lstm
from forecaster.networks import Setting, Tensors, stacked_lstm
from forecaster.networks._forward import Quantities, head, levelled, lstm_weights
from forecaster.networks.stacked_lstm import LAYERS, Parameters, tensor_shapes

__all__ = ["AUTO", "Parameters", "build", "forward", "tensor_shapes", "trace"]

AUTO = True
FOLLOWS_LEVEL = True


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y, last = levelled(x, len(tensors["segment.bias"]))
    for name in LAYERS:
        y = lstm.lstm(y, *lstm_weights(tensors, name))
    return head(tensors, y[:, -1]) + last


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    z, _ = levelled(x, len(tensors["segment.bias"]))
    return stacked_lstm.trace(parameters, tensors, z)


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.networks._keras import levelled, network_input, stacked_lstms

    inputs, y = network_input(window, setting)
    z, last = levelled(y, window)
    return keras.Model(inputs, stacked_lstms(z, parameters, window.n_input, setting) + last)
