"""Two stacked GRUs, in any of the unit's four forms, and two dense layers.

    GRU(100) -> GRU(100) -> last step -> Dense(100, ReLU) -> Dense(N)

The unit is written down in two ways, and this program has both by name. `mix`: with
update-keeps the update gate is the share of the old output, y = u y- + (1 - u) a, as in Cho et
al. and Keras; with update-takes that of the candidate, y = (1 - u) y- + u a, as in Chung et al.
`reset`: the reset gate acts on the old output before it meets its matrix, or after, as in Keras
unless told otherwise. The defaults are Keras'. The state's rows of each matrix start
orthogonal, biases at 0, the dense layers from a normal distribution of deviation .01. With
S = 25 and N = 100 it has 141,000 parameters.

Source: named in decks A (COMP5331), B (COMP7/8118 M50) and D (Algorithms for Big Data, RNN);
Cho et al. (2014), Chung et al. (2014); in the network of deck E, "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations import gru
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._numpy import Quantities, Units, head, head_shapes, layer


class Parameters(Frozen):
    """The units of the two GRUs and of the hidden dense layer, and the unit's form."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100
    mix: gru.Mix = "update-keeps"
    reset: gru.Reset = "after"


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape; bs only if the reset comes after."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    biases = gru.GATES + ("s" if parameters.reset == "after" else "")
    shapes: Shapes = {}
    for k, (rows, n) in enumerate(sizes, start=1):
        shapes |= {f"gru_{k}.W{gate}": (rows + n, n) for gate in gru.GATES}
        shapes |= {f"gru_{k}.b{letter}": (n,) for letter in biases}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for k in (1, 2):
        y = gru.gru(y, layer(tensors, f"gru_{k}"), parameters.mix)
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its gates and its state, which is its output, did, each (B, S, n)."""
    found, y = {}, x
    for k in (1, 2):
        done = gru.trace(y, layer(tensors, f"gru_{k}"), parameters.mix)
        y = done.y
        found[f"gru_{k}"] = {"reset gate": done.r, "update gate": done.u, "candidate": done.a, "state": y}
    return found


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.gru import GRU
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._parts import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        form: dict[str, Any] = {"mix": parameters.mix, "reset": parameters.reset, "return_sequences": k == 0}
        y = GRU(units, seed=setting.seed * 101 + 10 * k, name=f"gru_{k + 1}", **form)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
