"""What the Keras models of several networks share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.config import Window
from forecaster.layers.lstm import JointGlorot
from forecaster.layers.regularise import Dropout, Noise
from forecaster.networks import Setting
from forecaster.networks._forward import LOUDEST, QUIETEST


def network_input(window: Window, setting: Setting) -> tuple[Any, Any]:
    """Return the model's input (B, S, width), and the same with noise in training."""
    inputs = keras.Input((window.n_step, window.width), name="segments")
    return inputs, Noise(setting.noise, seed=setting.seed, layer=0)(inputs)


def levelled(y: Any, window: Window) -> tuple[Any, Any]:
    """Return y (B, S, width) less the last value of the channel that is forecast, and that value (B, 1)."""
    n_input = window.n_input
    last = y[:, -1, n_input - 1 : n_input]
    return y - ops.pad(ops.repeat(last, n_input, axis=1), ((0, 0), (0, window.width - n_input)))[:, None], last


def normalised(z: Any, inputs: Any, window: Window) -> tuple[Any, Any]:
    """Return z (B, S, width), its forecast channel divided by the size it has in `inputs`, and that size (B, 1)."""
    n_input = window.n_input
    # The size is that of the inputs, and not of z: the noise in z would make a quiet window as loud as the noise.
    size = ops.sqrt(ops.var(inputs[:, :, :n_input], axis=(1, 2), keepdims=True) + QUIETEST**2)
    size = ops.minimum(size, LOUDEST)
    return ops.concatenate((z[:, :, :n_input] / size, z[:, :, n_input:]), axis=2), size[:, 0]


def stacked_lstms(y: Any, parameters: Any, n_input: int, setting: Setting) -> Any:
    """Return LSTM(units_1) -> LSTM(units_2) -> last step -> the two dense layers, of segments y (B, S, width).

    The kernels start as in TensorFlow 1 for the lecture's recipe, else as Keras starts them, with
    a seed. The forget bias starts at 1 in both: TensorFlow 1's cell adds the 1 at every call,
    which is the same as long as the bias is not decayed, and it never is.
    """
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        # The seeds of a model's layers lie within 101 of each other, so two models with neighbouring seeds share none.
        seed = setting.seed * 101 + 10 * k
        if setting.lecture:
            rows = y.shape[-1] + units
            kernel, recurrent = JointGlorot(rows, seed=seed), JointGlorot(rows, seed=seed + 1)
        else:
            kernel = keras.initializers.GlorotUniform(seed=seed)
            recurrent = keras.initializers.Orthogonal(seed=seed + 1)
        start = {"kernel_initializer": kernel, "recurrent_initializer": recurrent}
        y = keras.layers.LSTM(units, return_sequences=k == 0, name=f"lstm_{k + 1}", **start)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return dense_head(y, parameters.hidden, n_input, setting)


def dense_head(y: Any, hidden: int, n_input: int, setting: Setting) -> Any:
    """Return Dense(hidden, ReLU) -> Dense(N), with weights and biases from a normal distribution of deviation .01."""
    for k, (name, units, activation) in enumerate((("hidden", hidden, "relu"), ("segment", n_input, None))):
        seed = setting.seed * 101 + 50 + 2 * k
        kernel, bias = (keras.initializers.RandomNormal(0.0, 0.01, seed=seed + j) for j in range(2))
        layer = keras.layers.Dense(units, activation, kernel_initializer=kernel, bias_initializer=bias, name=name)
        y = layer(y)
    return y


def last_samples(segments: Any, window: Window, reach: int) -> Any:
    """Return segments (B, S, N (1 + X)) laid out by sample, the last `reach` of them: (B, min(L, reach), 1 + X)."""
    columns = window.columns
    # A step holds each column's segment whole; the convolution needs the columns side by side at each sample.
    y = keras.layers.Reshape((window.n_step, columns, window.n_input))(segments)
    y = keras.layers.Reshape((window.context, columns))(keras.layers.Permute((1, 3, 2))(y))
    return keras.layers.Cropping1D((max(0, window.context - reach), 0))(y)
