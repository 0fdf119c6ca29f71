"""Recursion from the output: what it forecasts at one step is what it sees at the next.

    z_t = tanh(W [x_t, y_{t-1}] + b),   y_t = V z_t + c,   y_0 = 0

This is Y_t = f(X_t, Y_{t-1}), the nonlinear autoregressive model with exogenous inputs. X_t is
the measured segment, followed by those of the covariates if there are any; Y_t is the network's
forecast of the segment after step t, and the last step's is the result. Nothing else is
remembered: whatever the network keeps of the past must fit in a forecast. W and V start from a
normal distribution of deviation .01, the biases at 0. With S = 25 and N = 100 it has 60,300
parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the infinite-response model.
Jordan, "Serial Order" (1986); Lin, Horne, Tino and Giles, "Learning Long-Term Dependencies in
NARX Recurrent Neural Networks" (1996).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations.recurrent import jordan
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, layer_weights


class Parameters(Frozen):
    """The hidden units."""

    units: Units = 200


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor."""
    n, n_input = parameters.units, window.n_input
    W, V = (window.width + n_input, n), (n, n_input)
    return {"narx.W": W, "narx.V": V, "narx.b": (n,), "narx.c": (n_input,)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    return jordan(x, layer_weights(tensors, "narx")).y[:, -1]


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return its hidden units (B, S, n) and its output (B, S, N), which is fed back, at every step."""
    layer = jordan(x, layer_weights(tensors, "narx"))
    return {"narx": {"state": layer.z, "output": layer.y}}


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.recurrent import Jordan
    from forecaster.networks._keras import network_input

    inputs, y = network_input(window, setting)
    # Without dropout, which would mask the forecast itself.
    y = Jordan(parameters.units, window.n_input, seed=setting.seed * 101, name="narx")(y)
    return keras.Model(inputs, y)
