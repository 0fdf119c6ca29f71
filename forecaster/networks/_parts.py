"""What the Keras models of several networks share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.config import Window
from forecaster.layers.initial import JointGlorot
from forecaster.layers.regularise import Dropout, Noise
from forecaster.networks import Setting
from forecaster.networks._numpy import LOUDEST, QUIETEST


def network_input(window: Window, setting: Setting) -> tuple[Any, Any]:
    """Return the input (B, S, width), and the same with noise while training."""
    inputs = keras.Input((window.n_step, window.width), name="segments")
    return inputs, Noise(setting.noise, seed=setting.seed, layer=0)(inputs)


def levelled(y: Any, window: Window) -> tuple[Any, Any]:
    """Return y (B, S, width), the last value of its own channel taken out of that, and the value (B, 1)."""
    n_input = window.n_input
    last = y[:, -1, n_input - 1 : n_input]
    return y - ops.pad(ops.repeat(last, n_input, axis=1), ((0, 0), (0, window.width - n_input)))[:, None], last


def normalised(z: Any, inputs: Any, window: Window) -> tuple[Any, Any]:
    """Return windows z (B, S, width), their own channel divided by its size, and that size (B, 1).

    It is the size of the `inputs`: the noise in z would make a quiet window as loud as itself.
    """
    n_input = window.n_input
    size = ops.sqrt(ops.var(inputs[:, :, :n_input], axis=(1, 2), keepdims=True) + QUIETEST**2)
    size = ops.minimum(size, LOUDEST)
    return ops.concatenate((z[:, :, :n_input] / size, z[:, :, n_input:]), axis=2), size[:, 0]


def lstm_start(fan_in: int, setting: Setting, layer: int) -> dict[str, Any]:
    """Return the initializers of an LSTM's kernels: TensorFlow 1's for the lecture, else Keras' own, seeded.

    In both the forget bias starts at 1: TensorFlow 1's cell adds it at every call, which is
    the same until and unless the bias is decayed, and it never is.
    """
    seed = setting.seed * 101 + 10 * layer
    if setting.lecture:
        names = ("kernel_initializer", "recurrent_initializer")
        return {name: JointGlorot(fan_in, seed=seed + k) for k, name in enumerate(names)}
    kernel = keras.initializers.GlorotUniform(seed=seed)
    return {"kernel_initializer": kernel, "recurrent_initializer": keras.initializers.Orthogonal(seed=seed + 1)}


def dense_head(y: Any, hidden: int, n_input: int, setting: Setting) -> Any:
    """Return Dense(hidden, ReLU) -> Dense(N), weights and biases from a normal distribution of deviation .01."""
    for k, (name, units, activation) in enumerate((("hidden", hidden, "relu"), ("segment", n_input, None))):
        seed = setting.seed * 101 + 50 + 2 * k
        kernel, bias = (keras.initializers.RandomNormal(0.0, 0.01, seed=seed + j) for j in range(2))
        layer = keras.layers.Dense(units, activation, kernel_initializer=kernel, bias_initializer=bias, name=name)
        y = layer(y)
    return y


def stacked(y: Any, parameters: Any, n_input: int, setting: Setting) -> Any:
    """Return LSTM(units_1) -> LSTM(units_2) -> last step -> the two dense layers, of segments y (B, S, width)."""
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        start = lstm_start(y.shape[-1] + units, setting, layer=k)
        y = keras.layers.LSTM(units, return_sequences=k == 0, name=f"lstm_{k + 1}", **start)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return dense_head(y, parameters.hidden, n_input, setting)


def samples_of(segments: Any, window: Window, reach: int) -> Any:
    """Lay segments (B, S, N (1 + X)) out by sample, and keep the last `reach` of them: (B, L or reach, 1 + X)."""
    columns = window.columns
    y = keras.layers.Reshape((window.n_step, columns, window.n_input))(segments)
    y = keras.layers.Reshape((window.context, columns))(keras.layers.Permute((1, 3, 2))(y))
    return keras.layers.Cropping1D((max(0, window.context - reach), 0))(y)
