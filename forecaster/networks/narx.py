"""Recursion from the output: what it forecasts at one step is what it sees at the next.

    z_t = tanh(W [x_t, y_{t-1}] + b),   y_t = V z_t + c,   y_0 = 0

Y_t = f(X_t, Y_{t-1}), the nonlinear autoregressive model with exogenous inputs. X_t is the
measured segment, and beside it those of the exogenous channels where there are any; Y_t is the
network's own forecast of the segment that follows step t. The last step's is the forecast.
Nothing else is remembered: what the past says must fit in a forecast. W and V start from a
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
from forecaster.equations.jordan import jordan
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._numpy import Quantities, Units, layer


class Parameters(Frozen):
    """The hidden units."""

    units: Units = 200


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape."""
    n, n_input = parameters.units, window.n_input
    W, V = (window.width + n_input, n), (n, n_input)
    return {"narx.W": W, "narx.V": V, "narx.b": (n,), "narx.c": (n_input,)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    return jordan(x, layer(tensors, "narx")).y[:, -1]


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return what its hidden units (B, S, n) and its output (B, S, N), which is fed back, did."""
    found = jordan(x, layer(tensors, "narx"))
    return {"narx": {"state": found.z, "output": found.y}}


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N); it has no dropout, which would mask the forecast itself."""
    import keras

    from forecaster.layers.jordan import Jordan
    from forecaster.networks._parts import network_input

    inputs, y = network_input(window, setting)
    y = Jordan(parameters.units, window.n_input, seed=setting.seed * 101, name="narx")(y)
    return keras.Model(inputs, y)
