"""A softmax RNN over symbols: the probability of each symbol to come next.

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_t                                a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each symbol to come next

x_t is one-hot. The network is trained many to many: on the cross-entropy of the next symbol at
every step of a window. The state before the first step is trained, or zero.

Source: deck C (RNN v.250224b, K. H. Wong), demo_rnn4b: its network has three units, and
(.11, .21, .31) before the first step.
"""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

from forecaster.config import Frozen, TaskName, Window
from forecaster.equations.activations import softmax
from forecaster.equations.recurrent import softmax_rnn
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Quantities, Units, layer_weights

TASK: TaskName = "symbols"


class Parameters(Frozen):
    """The units, and whether their state before the first step is trained or zero."""

    units: Units = 32
    initial: Literal["trained", "zero"] = "trained"


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor, with K = window.symbols; there is an h1 only if it is trained."""
    n, symbols = parameters.units, window.symbols
    shapes: Shapes = {"rnn.Whx": (symbols, n), "rnn.Whh": (n, n), "rnn.bias": (n,)}
    shapes |= {"rnn.h1": (n,)} if parameters.initial == "trained" else {}
    return shapes | {"output.Why": (n, symbols)}


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the probabilities of the next symbol (B, K) of one-hot windows x (B, S, K)."""
    weights = layer_weights(tensors, "rnn") | layer_weights(tensors, "output")
    return softmax(softmax_rnn(x, weights, weights.get("h1")).y[:, -1])


def trace(parameters: Parameters, tensors: Tensors, x: NDArray) -> dict[str, Quantities]:
    """Return the state (B, S, n) after every symbol, and the output: the probabilities (B, S, K) of the next."""
    weights = layer_weights(tensors, "rnn") | layer_weights(tensors, "output")
    layer = softmax_rnn(x, weights, weights.get("h1"))
    return {"rnn": {"state": layer.h, "output": softmax(layer.y)}}


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, K) -> (B, S, K): the probabilities after every step."""
    import keras

    from forecaster.layers.recurrent import SymbolOutput, SymbolState
    from forecaster.layers.regularise import Dropout

    inputs = keras.Input((window.n_step, window.symbols), name="symbols")
    trained, seed = parameters.initial == "trained", setting.seed * 101
    h = SymbolState(parameters.units, trained=trained, seed=seed, name="rnn")(inputs)
    # Symbols get no noise: a one-hot vector with noise is no symbol.
    h = Dropout(setting.dropout, seed=setting.seed, layer=1)(h)
    return keras.Model(inputs, SymbolOutput(window.symbols, seed=seed + 50, name="output")(h))
