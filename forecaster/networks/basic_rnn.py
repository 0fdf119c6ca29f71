"""Two stacked basic recurrent layers, tanh or ReLU, and two dense layers.

    BasicRNN(100) -> BasicRNN(100) -> last step -> Dense(100, ReLU) -> Dense(N)
    BasicRNN: s_t = act(W [x_t, s_{t-1}] + b)

It has the shape of stacked-lstm on the simplest recurrent layer, to be compared with it. The
state's rows of W start orthogonal, the input's Glorot-uniform and the biases at 0; the dense
layers start from a normal distribution of deviation .01. With S = 25 and N = 100 it has 60,400
parameters.

Source: deck A (COMP5331), "Basic RNN", in the network of deck E, "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from forecaster.config import Frozen, Window
from forecaster.equations.recurrent import Activation, basic_rnn
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, head, head_shapes

LAYERS = ("rnn_1", "rnn_2")


class Parameters(Frozen):
    """The units of the two recurrent layers and of the hidden dense layer, and the activation."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100
    activation: Activation = "tanh"


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor."""
    sizes = ((window.width, parameters.units_1), (parameters.units_1, parameters.units_2))
    shapes: Shapes = {}
    for name, (rows, n) in zip(LAYERS, sizes, strict=True):
        shapes |= {f"{name}.W": (rows + n, n), f"{name}.b": (n,)}
    return shapes | head_shapes(parameters.units_2, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    y = x
    for name in LAYERS:
        y = basic_rnn(y, tensors[f"{name}.W"], tensors[f"{name}.b"], activation=parameters.activation)
    return head(tensors, y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return by layer what its state did (B, S, n)."""
    by_layer, y = {}, x
    for name in LAYERS:
        y = basic_rnn(y, tensors[f"{name}.W"], tensors[f"{name}.b"], activation=parameters.activation)
        by_layer[name] = {"state": y}
    return by_layer


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.recurrent import BasicRNN
    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import dense_head, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        options: dict[str, Any] = {"activation": parameters.activation, "return_sequences": k == 0}
        y = BasicRNN(units, seed=setting.seed * 101 + 10 * k, name=f"rnn_{k + 1}", **options)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
