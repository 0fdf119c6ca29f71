"""One GRU over segments that makes all segments ahead in one pass, each from its own position.

    z = (x - last value) / s
    z -> Dense(d, ReLU) a segment -> GRU(d) -> h
    h, position k -> GRU(d), one step -> Dense(N) -> y_k,  k = 1 .. K
    forecast = last value + s y

s is the window's size, the deviation of its channel. Level and size are taken out of the window
and put back, so the network learns the shape alone. It follows the signal to levels that the
training part did not have, and to sizes up to four times those that it had. In a closed loop the
size of each forecast counts in the next window, so a vibration may fade or swell.

s is 1 with `--set normalised=false`, and where the model has covariates: what a plan causes
depends on the plan, and not on the size that the channel had.

With K = 1 it forecasts the next segment, as every network does; `--horizon-mode direct` gives it
K.

Source: Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
Forecasting" (2023); Cho et al. (2014) for the unit; Kim et al., "Reversible Instance
Normalization" (2022), for s.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations import gru
from forecaster.equations.activations import relu
from forecaster.equations.linear import dense, dense_at_each_step
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, layer_weights, levelled, normalised

AUTO = True
DIRECT = True
FOLLOWS_LEVEL = True
RECIPE = {"steps": 1600, "noise": 0.05, "dropout": 0.2, "loss": "mae", "average": 0.995}


class Parameters(Frozen):
    """The units d, whether windows of one channel are divided by s, and the segments K forecast in one pass."""

    units: Units = 128
    normalised: bool = True
    segments: Annotated[int, Field(ge=1, le=4096)] = 1


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor."""
    n, n_input = parameters.units, window.n_input
    shapes: Shapes = {"embedding.kernel": (window.width, n), "embedding.bias": (n,)}
    shapes |= {f"gru.W{gate}": (2 * n, n) for gate in gru.GATES} | {f"gru.b{gate}": (n,) for gate in (*gru.GATES, "s")}
    shapes |= {"positions.kernel": (parameters.segments, n)}
    return shapes | {"segment.kernel": (n, n_input), "segment.bias": (n_input,)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next K segments (B, K N) of windows x (B, S, width)."""
    z, last, size = _shape_level_and_size(parameters, tensors, x)
    unit = layer_weights(tensors, "gru")
    embedded = relu(dense_at_each_step(z, tensors["embedding.kernel"], tensors["embedding.bias"]))
    h = gru.gru(embedded, unit)[:, -1]
    # Each position is one step of the unit from the same state h: they stand in the batch, not one after another.
    batch, (segments, n) = len(x), tensors["positions.kernel"].shape
    positions = np.broadcast_to(tensors["positions.kernel"], (batch, segments, n)).reshape(-1, 1, n)
    states = gru.gru(positions, unit, start=np.repeat(h, segments, axis=0))[:, 0]
    y = dense(states, tensors["segment.kernel"], tensors["segment.bias"]).reshape(batch, -1)
    return size * y + last


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return what the gates and the state did over the window, each (B, S, n)."""
    z, _, _ = _shape_level_and_size(parameters, tensors, x)
    embedded = relu(dense_at_each_step(z, tensors["embedding.kernel"], tensors["embedding.bias"]))
    layer = gru.trace(embedded, layer_weights(tensors, "gru"))
    return {"gru": {"reset gate": layer.r, "update gate": layer.u, "candidate": layer.a, "state": layer.y}}


def _shape_level_and_size(parameters: Parameters, tensors: Tensors, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return windows x without level and size (B, S, width), the last values (B, 1) and the sizes s (B, 1)."""
    n_input = len(tensors["segment.bias"])
    z, last = levelled(x, n_input)
    has_covariates = x.shape[2] > n_input
    # What a plan causes depends on the plan: its effect must not grow with the size of the channel.
    if has_covariates or not parameters.normalised:
        return z, last, np.ones_like(last)
    z, size = normalised(z, n_input)
    return z, last, size


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, K N)."""
    import keras

    from forecaster.layers.gru import GRU, ParallelDecoder
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import levelled, network_input, normalised

    n_input, seed = window.n_input, setting.seed * 101
    inputs, y = network_input(window, setting)
    z, last = levelled(y, window)
    has_covariates, size = window.width > n_input, 1.0
    if parameters.normalised and not has_covariates:
        z, size = normalised(z, inputs, window)
    embed, out = (keras.initializers.GlorotUniform(seed=seed + k) for k in (1, 2))
    y = keras.layers.Dense(parameters.units, "relu", kernel_initializer=embed, name="embedding")(z)
    # The same unit encodes the window and decodes each position.
    unit = GRU(parameters.units, seed=seed + 3, name="gru")
    states = ParallelDecoder(unit, parameters.segments, seed=seed + 4, name="positions")(unit(y))
    states = Dropout(setting.dropout, seed=setting.seed, layer=1)(states)
    y = keras.layers.Dense(n_input, kernel_initializer=out, name="segment")(states)
    return keras.Model(inputs, size * keras.layers.Reshape((parameters.segments * n_input,))(y) + last)
