"""The two stacked LSTMs on the distances from each window's last value.

    z = x - last value
    y = last value + [LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)](z)

The level is taken out of the window and put back, so that the network follows the signal to levels that it
had not in training; only the shape is learned.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), "LSTM with TensorFlow"; Zeng et al., "Are Transformers
Effective for Time Series Forecasting?" (2023), section 4, for the last value (NLinear).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.networks import Setting, Shapes, Tensors, stacked_lstm
from forecaster.networks._numpy import Quantities, levelled

AUTO = True

Parameters = stacked_lstm.Parameters


def tensor_shapes(parameters: stacked_lstm.Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape: those of stacked-lstm."""
    return stacked_lstm.tensor_shapes(parameters, window)


def forward(parameters: stacked_lstm.Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    z, last = levelled(x, tensors["segment.bias"].shape[0])
    return stacked_lstm.forward(parameters, tensors, z) + last


def trace(parameters: stacked_lstm.Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    return stacked_lstm.trace(parameters, tensors, levelled(x, tensors["segment.bias"].shape[0])[0])


def build(parameters: stacked_lstm.Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.networks._parts import levelled, network_input, stacked

    inputs, y = network_input(window, setting)
    z, last = levelled(y, window)
    return keras.Model(inputs, stacked(z, parameters, window.n_input, setting) + last)
