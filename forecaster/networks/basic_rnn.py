"""Two stacked basic recurrent layers, tanh or ReLU, and two dense layers.

    BasicRNN(100) -> BasicRNN(100) -> last step -> Dense(100, ReLU) -> Dense(N)
    BasicRNN: s_t = act(W [x_t, s_{t-1}] + b)

The flagship's shape on the simplest recurrent layer, to be held beside it. The state's rows of
W start orthogonal, its input's Glorot-uniform, biases at 0; the dense layers from a normal
distribution of deviation .01. With S = 25 and N = 100 it has 60,400 parameters.

Source: deck A (COMP5331), "Basic RNN", in the network of deck E, "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations.basic_rnn import Activation, basic_rnn
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._numpy import Quantities, Units, head, head_shapes, layer


class Parameters(Frozen):
    """The units of the two recurrent layers and of the hidden dense layer, and the activation."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100
    activation: Activation = "tanh"


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    shapes: Shapes = {}
    for k, (rows, n) in enumerate(sizes, start=1):
        shapes |= {f"rnn_{k}.W": (rows + n, n), f"rnn_{k}.b": (n,)}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    return head(tensors, list(trace(parameters, tensors, x).values())[-1]["state"][:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its state did (B, S, n)."""
    found, y = {}, x
    for k in (1, 2):
        weights = layer(tensors, f"rnn_{k}")
        y = basic_rnn(y, weights["W"], weights["b"], activation=parameters.activation)
        found[f"rnn_{k}"] = {"state": y}
    return found


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.basic_rnn import BasicRNN
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._parts import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        options: dict[str, Any] = {"activation": parameters.activation, "return_sequences": k == 0}
        y = BasicRNN(units, seed=setting.seed * 101 + 10 * k, name=f"rnn_{k + 1}", **options)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
