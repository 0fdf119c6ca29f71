"""Two stacked GRUs, in any of the unit's four forms, and two dense layers.

    GRU(100) -> GRU(100) -> last step -> Dense(100, ReLU) -> Dense(N)

The literature writes the unit in several forms, and two parameters choose among them. `mix`:
with update-keeps the update gate is the share of the old output, y = u y- + (1 - u) a, as in
Cho et al. and Keras; with update-takes it is the share of the candidate, y = (1 - u) y- + u a,
as in Chung et al. `reset`: the reset gate acts on the old output before it meets its matrix, or
after. The defaults are those of Keras. The state's rows of each matrix start orthogonal and the
biases at 0; the dense layers start from a normal distribution of deviation .01. With S = 25 and
N = 100 it has 141,000 parameters.

Source: named in decks A (COMP5331), B (COMP7/8118 M50) and D (Algorithms for Big Data, RNN);
Cho et al. (2014), Chung et al. (2014); in the network of deck E, "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations import gru
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, head, head_shapes, layer_weights

LAYERS = ("gru_1", "gru_2")


class Parameters(Frozen):
    """The units of the two GRUs and of the hidden dense layer, and the unit's form."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100
    mix: gru.Mix = "update-keeps"
    reset: gru.Reset = "after"


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor; there is a bs only if the reset comes after."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    biases = gru.GATES + ("s" if parameters.reset == "after" else "")
    shapes: Shapes = {}
    for name, (rows, n) in zip(LAYERS, sizes, strict=True):
        shapes |= {f"{name}.W{gate}": (rows + n, n) for gate in gru.GATES}
        shapes |= {f"{name}.b{letter}": (n,) for letter in biases}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for name in LAYERS:
        y = gru.gru(y, layer_weights(tensors, name), parameters.mix)
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state, which is its output, did, each (B, S, n)."""
    by_layer, y = {}, x
    for name in LAYERS:
        layer = gru.trace(y, layer_weights(tensors, name), parameters.mix)
        y = layer.y
        by_layer[name] = {"reset gate": layer.r, "update gate": layer.u, "candidate": layer.a, "state": y}
    return by_layer


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.gru import GRU
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        form: dict[str, Any] = {"mix": parameters.mix, "reset": parameters.reset, "return_sequences": k == 0}
        y = GRU(units, seed=setting.seed * 101 + 10 * k, name=f"gru_{k + 1}", **form)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
