"""One GRU over segments that makes all segments ahead in one pass, each from its own position.

    z = (x - last value) / s
    z -> Dense(d, ReLU) a segment -> GRU(d) -> h
    h, position k -> GRU(d), one step -> Dense(N) -> y_k,  k = 1 .. K
    forecast = last value + s y

s is the window's size, the deviation of its channel. Level and size are taken out of the window and put back: only its
shape is learned, so that the next segment follows the signal to levels, and to sizes up to four times the training
part's, that it had not there. What is fed back is the size of the next window, too: in a long closed loop a vibration
may fade or swell. s is 1 with `--set normalised=false`, and where other channels stand beside the own one: what a plan
does goes by the plan, not by the size that the channel had. With K = 1 it forecasts the next segment, as every network
does; `--horizon-mode direct` gives it K.

Source: Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
Forecasting" (2023); Cho et al. (2014) for the unit; Kim et al., "Reversible Instance Normalization" (2022), for s.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations import gru
from forecaster.equations.activations import relu
from forecaster.equations.dense import dense
from forecaster.equations.products import by_windows
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._numpy import Quantities, Units, layer, levelled, normalised

AUTO = True
DIRECT = True
RECIPE = {"steps": 1600, "noise": 0.05, "dropout": 0.2, "loss": "mae", "average": 0.995}


class Parameters(Frozen):
    """The units d, whether windows of one channel are divided by s, and the segments K that are made in one pass."""

    units: Units = 128
    normalised: bool = True
    segments: Annotated[int, Field(ge=1, le=4096)] = 1


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape."""
    n, n_input = parameters.units, window.n_input
    shapes: Shapes = {"embedding.kernel": (window.width, n), "embedding.bias": (n,)}
    shapes |= {f"gru.W{gate}": (2 * n, n) for gate in gru.GATES} | {f"gru.b{gate}": (n,) for gate in (*gru.GATES, "s")}
    shapes |= {"positions.kernel": (parameters.segments, n)}
    return shapes | {"segment.kernel": (n, n_input), "segment.bias": (n_input,)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next K segments (B, K N) of windows x (B, S, width)."""
    z, last, size = _without_size(parameters, tensors, x)
    unit = layer(tensors, "gru")
    h = gru.gru(_embedded(tensors, z), unit)[:, -1]
    batch, (segments, n) = len(x), tensors["positions.kernel"].shape
    positions = np.broadcast_to(tensors["positions.kernel"], (batch, segments, n)).reshape(-1, 1, n)
    states = gru.gru(positions, unit, start=np.repeat(h, segments, axis=0))[:, 0]
    y = dense(states, tensors["segment.kernel"], tensors["segment.bias"]).reshape(batch, -1)
    return size * y + last


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return what the gates and the state did over the window, each (B, S, n)."""
    done = gru.trace(_embedded(tensors, _without_size(parameters, tensors, x)[0]), layer(tensors, "gru"))
    return {"gru": {"reset gate": done.r, "update gate": done.u, "candidate": done.a, "state": done.y}}


def _without_size(parameters: Parameters, tensors: Tensors, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return the windows without level and size (B, S, width), and these, (B, 1): the last value and s."""
    n_input = tensors["segment.bias"].shape[0]
    z, last = levelled(x, n_input)
    alone = x.shape[2] == n_input
    z, size = normalised(z, n_input) if parameters.normalised and alone else (z, np.ones_like(last))
    return z, last, size


def _embedded(tensors: Tensors, z: NDArray) -> NDArray:
    """Return the segments as the unit sees them (B, S, n)."""
    return relu(by_windows(z, tensors["embedding.kernel"]) + tensors["embedding.bias"])


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, K N)."""
    import keras

    from forecaster.layers.gru import GRU
    from forecaster.layers.positions import ParallelDecoder
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._parts import levelled, network_input, normalised

    n_input, seed = window.n_input, setting.seed * 101
    inputs, y = network_input(window, setting)
    z, last = levelled(y, window)
    alone = window.width == n_input
    z, size = normalised(z, inputs, window) if parameters.normalised and alone else (z, 1.0)
    embed, out = (keras.initializers.GlorotUniform(seed=seed + k) for k in (1, 2))
    y = keras.layers.Dense(parameters.units, "relu", kernel_initializer=embed, name="embedding")(z)
    unit = GRU(parameters.units, seed=seed + 3, name="gru")
    states = ParallelDecoder(unit, parameters.segments, seed=seed + 4, name="positions")(unit(y))
    states = Dropout(setting.dropout, seed=setting.seed, layer=1)(states)
    y = keras.layers.Dense(n_input, kernel_initializer=out, name="segment")(states)
    return keras.Model(inputs, size * keras.layers.Reshape((parameters.segments * n_input,))(y) + last)
