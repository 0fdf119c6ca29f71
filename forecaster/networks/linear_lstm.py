"""A linear path from the whole window to the next segment, and the stacked LSTMs on top of it.

    z = (x - m) / s
    y = x K + c + s [LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)](z)

The linear path starts at the closed-form ridge regression and the last dense layer at zero, so
that training starts exactly at ridge; then everything trains together. m and s are the mean and
the deviation of the window's own channel: what the LSTMs add has the size of what they see, also
where the signal wanders out of the range that it had in training.

Source: deck E, "LSTM with TensorFlow", for the recurrent part; Lai et al., "Modeling Long- and Short-Term
Temporal Patterns" (2018), section 3.6, for a linear path beside it; He et al., "Deep Residual Learning"
(2015), for what is left over; Kim et al., "Reversible Instance Normalization" (2022), for m and s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.equations.dense import dense
from forecaster.networks import Setting, Shapes, Tensors, stacked_lstm
from forecaster.networks._numpy import Quantities, normalised

AUTO = True
RECIPE = {"steps": 1200, "learning_rate": 1e-4, "noise": 0.1, "patience": 4}

Parameters = stacked_lstm.Parameters


def tensor_shapes(parameters: stacked_lstm.Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape: the linear path's, then those of stacked-lstm."""
    linear: Shapes = {"linear.kernel": (window.n_step * window.width, window.n_input), "linear.bias": (window.n_input,)}
    return linear | stacked_lstm.tensor_shapes(parameters, window)


def forward(parameters: stacked_lstm.Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    line = dense(x.reshape(len(x), -1), tensors["linear.kernel"], tensors["linear.bias"])
    z, size = _normalised(x, tensors["segment.bias"].shape[0])
    return line + size * stacked_lstm.forward(parameters, tensors, z)


def trace(parameters: stacked_lstm.Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state did, each (B, S, n)."""
    return stacked_lstm.trace(parameters, tensors, _normalised(x, tensors["segment.bias"].shape[0])[0])


def _normalised(x: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return x (B, S, width) with its own channel, the first N of each step, normalised; and its size (B, 1)."""
    own = x[:, :, :n_input]
    return normalised(np.concatenate((own - own.mean(axis=(1, 2), keepdims=True), x[:, :, n_input:]), axis=2), n_input)


def initial(parameters: stacked_lstm.Parameters, window: Window, fitted: Mapping[str, Any]) -> dict[str, NDArray]:
    """Return where training starts: at the ridge among the `fitted` baselines, what lies before its taps at zero."""
    ridge = fitted["ridge"]
    kernel = np.zeros((window.n_step, window.width, window.n_input))
    own = np.zeros((window.context, window.n_input))
    own[window.context - len(ridge.kernel) :] = ridge.kernel
    kernel[:, : window.n_input] = own.reshape(window.n_step, window.n_input, window.n_input)
    start = {"linear.kernel": kernel.reshape(-1, window.n_input), "linear.bias": ridge.bias}
    last = {name: np.zeros(tensor_shapes(parameters, window)[name]) for name in ("segment.kernel", "segment.bias")}
    return start | last


def build(parameters: stacked_lstm.Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras
    from keras import ops

    from forecaster.networks._parts import network_input, normalised, stacked

    inputs, y = network_input(window, setting)
    start = keras.initializers.GlorotUniform(seed=setting.seed * 101 + 90)
    line = keras.layers.Dense(window.n_input, kernel_initializer=start, name="linear")
    own, others = y[:, :, : window.n_input], y[:, :, window.n_input :]
    centred = ops.concatenate((own - ops.mean(own, axis=(1, 2), keepdims=True), others), axis=2)
    z, size = normalised(centred, inputs, window)
    rest = stacked(z, parameters, window.n_input, setting)
    return keras.Model(inputs, line(keras.layers.Flatten()(y)) + size * rest)
