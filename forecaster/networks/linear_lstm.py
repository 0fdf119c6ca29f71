"""A linear path from the whole window to the next segment, and the stacked LSTMs on top of it.

    z = (x - m) / s
    y = x K + c + s [LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)](z)

The linear path starts at the closed-form ridge regression and the last dense layer at zero, so
that training starts exactly at ridge; then everything trains together. m and s are the mean and
the deviation of the channel over the window. So what the LSTMs add has the size of what they
see, also where the signal leaves the range that it had in training.

Source: deck E, "LSTM with TensorFlow", for the recurrent part; Lai et al., "Modeling Long- and
Short-Term Temporal Patterns" (2018), section 3.6, for the linear path; He et al., "Deep Residual
Learning" (2015), for the residual that the network learns; Kim et al., "Reversible Instance
Normalization" (2022), for m and s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.equations.linear import dense
from forecaster.networks import Setting, Shapes, Tensors, stacked_lstm
from forecaster.networks._forward import Quantities, normalised
from forecaster.networks.stacked_lstm import Parameters

AUTO = True
RECIPE = {"steps": 1200, "learning_rate": 1e-4, "noise": 0.1, "patience": 4}


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor: the linear path's, then those of stacked-lstm."""
    linear: Shapes = {"linear.kernel": (window.n_step * window.width, window.n_input), "linear.bias": (window.n_input,)}
    return linear | stacked_lstm.tensor_shapes(parameters, window)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    linear = dense(x.reshape(len(x), -1), tensors["linear.kernel"], tensors["linear.bias"])
    z, size = _centred_and_normalised(x, len(tensors["segment.bias"]))
    return linear + size * stacked_lstm.forward(parameters, tensors, z)


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    z, _ = _centred_and_normalised(x, len(tensors["segment.bias"]))
    return stacked_lstm.trace(parameters, tensors, z)


def _centred_and_normalised(x: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return windows x (B, S, width) with their channel, the first N of each step, as z; and its size s (B, 1)."""
    channel, covariates = x[:, :, :n_input], x[:, :, n_input:]
    centred = channel - channel.mean(axis=(1, 2), keepdims=True)
    return normalised(np.concatenate((centred, covariates), axis=2), n_input)


def initial(parameters: Parameters, window: Window, fitted: Mapping[str, Any]) -> dict[str, NDArray]:
    """Return the weights that make the forecast start as that of the ridge among the `fitted` baselines."""
    ridge = fitted["ridge"]
    # Ridge may look back on fewer samples than the window has: its kernel stands at the newest ones.
    taps = np.zeros((window.context, window.n_input))
    taps[window.context - len(ridge.kernel) :] = ridge.kernel
    kernel = np.zeros((window.n_step, window.width, window.n_input))
    kernel[:, : window.n_input] = taps.reshape(window.n_step, window.n_input, window.n_input)
    linear = {"linear.kernel": kernel.reshape(-1, window.n_input), "linear.bias": ridge.bias}
    shapes = tensor_shapes(parameters, window)
    return linear | {name: np.zeros(shapes[name]) for name in ("segment.kernel", "segment.bias")}


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras
    from keras import ops

    from forecaster.networks._keras import network_input, normalised, stacked_lstms

    inputs, y = network_input(window, setting)
    start = keras.initializers.GlorotUniform(seed=setting.seed * 101 + 90)
    linear = keras.layers.Dense(window.n_input, kernel_initializer=start, name="linear")
    channel, covariates = y[:, :, : window.n_input], y[:, :, window.n_input :]
    centred = ops.concatenate((channel - ops.mean(channel, axis=(1, 2), keepdims=True), covariates), axis=2)
    z, size = normalised(centred, inputs, window)
    # The last dense layer gets its zeros from `initial`, and with them the correction starts at zero.
    correction = stacked_lstms(z, parameters, window.n_input, setting)
    return keras.Model(inputs, linear(keras.layers.Flatten()(y)) + size * correction)
