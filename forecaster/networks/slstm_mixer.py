"""A linear forecast of the window, refined by an sLSTM over its segments and the forecast itself.

    z = (x - last value) / s
    y_0 = z K + c                                    the same map for all channels
    z -> Dense(d) a segment, y_0 -> Dense(d)         S + 1 tokens
    tokens -> sLSTM(d) -> h
    forecast = last value + s (y_0 + Dense(K N)(h))

s is the window's size, the deviation of its channel. The sLSTM reads what was recorded, then what
the linear map makes of it, and says what to change. Its gates are exponential: a single segment can
overrule all that came before it. With `--joint` a segment's token holds the other channels, too.

The correction starts small. With K = 1 it forecasts the next segment; `--horizon-mode direct`
gives it K.

Source: Kraus et al., "xLSTM-Mixer: Multivariate Time Series Forecasting by Mixing via Scalar
Memories" (2024), who mix over channels; Beck et al. (2024) for the unit; Kim et al., "Reversible
Instance Normalization" (2022), for s.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations import slstm
from forecaster.equations.linear import dense, dense_at_each_step
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, layer_weights, levelled, normalised

DIRECT = True
FOLLOWS_LEVEL = True
RECIPE = {"steps": 1600, "noise": 0.05, "dropout": 0.2, "loss": "mae", "average": 0.995}


class Parameters(Frozen):
    """The units d, and the segments K forecast in one pass."""

    units: Units = 64
    segments: Annotated[int, Field(ge=1, le=4096)] = 1


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor."""
    n, ahead = parameters.units, parameters.segments * window.n_input
    shapes: Shapes = {"linear.kernel": (window.context, ahead), "linear.bias": (ahead,)}
    shapes |= {"embedding.kernel": (window.width, n), "embedding.bias": (n,)}
    shapes |= {"forecast.kernel": (ahead, n), "forecast.bias": (n,)}
    shapes |= {f"slstm.W{gate}": (2 * n, n) for gate in slstm.GATES} | {f"slstm.b{gate}": (n,) for gate in slstm.GATES}
    return shapes | {"segment.kernel": (n, ahead), "segment.bias": (ahead,)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next K segments (B, K N) of windows x (B, S, width)."""
    z, channel, last, size = _shape_level_and_size(parameters, tensors, x)
    linear = dense(channel, tensors["linear.kernel"], tensors["linear.bias"])
    segments = dense_at_each_step(z, tensors["embedding.kernel"], tensors["embedding.bias"])
    forecast = dense(linear, tensors["forecast.kernel"], tensors["forecast.bias"])
    tokens = np.concatenate((segments, forecast[:, None]), axis=1)
    h = slstm.slstm(tokens, layer_weights(tensors, "slstm"))[:, -1]
    return last + size * (linear + dense(h, tensors["segment.kernel"], tensors["segment.bias"]))


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return what the gates and the state did over the window's segments, each (B, S, n)."""
    z, _, _, _ = _shape_level_and_size(parameters, tensors, x)
    segments = dense_at_each_step(z, tensors["embedding.kernel"], tensors["embedding.bias"])
    layer = slstm.trace(segments, layer_weights(tensors, "slstm"))
    gates = {"input gate": layer.i, "forget gate": layer.f, "output gate": layer.o}
    return {"slstm": {**gates, "candidate": layer.z, "state": layer.kept, "output": layer.h}}


def _shape_level_and_size(
    parameters: Parameters, tensors: Tensors, x: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return windows x without level and size (B, S, width), their own channel (B, L), the last values and sizes s."""
    n_input = len(tensors["linear.bias"]) // parameters.segments
    z, last = levelled(x, n_input)
    z, size = normalised(z, n_input)
    return z, np.ascontiguousarray(z[:, :, :n_input]).reshape(len(x), -1), last, size


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, K N)."""
    import keras
    from keras import ops

    from forecaster.layers.regularise import Dropout
    from forecaster.layers.slstm import SLSTM
    from forecaster.networks._keras import levelled, network_input, normalised

    ahead, seed = parameters.segments * window.n_input, setting.seed * 101
    inputs, y = network_input(window, setting)
    z, last = levelled(y, window)
    z, size = normalised(z, inputs, window)
    of_linear, of_segments, of_forecast = (keras.initializers.GlorotUniform(seed=seed + k) for k in range(1, 4))
    channel = keras.layers.Reshape((window.context,))(z[:, :, : window.n_input])
    linear = keras.layers.Dense(ahead, kernel_initializer=of_linear, name="linear")(channel)
    segments = keras.layers.Dense(parameters.units, kernel_initializer=of_segments, name="embedding")(z)
    forecast = keras.layers.Dense(parameters.units, kernel_initializer=of_forecast, name="forecast")(linear)
    tokens = ops.concatenate((segments, forecast[:, None]), axis=1)
    h = SLSTM(parameters.units, seed=seed + 4, name="slstm")(tokens)
    h = Dropout(setting.dropout, seed=setting.seed, layer=1)(h)
    small = keras.initializers.RandomNormal(0.0, 0.01, seed=seed + 5)
    correction = keras.layers.Dense(ahead, kernel_initializer=small, name="segment")(h)
    return keras.Model(inputs, last + size * (linear + correction))
