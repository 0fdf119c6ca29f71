"""Two stacked LSTMs and two dense layers: the lecture's acceleration predictor.

    LSTM(100) -> LSTM(100) -> last step -> Dense(100, ReLU) -> Dense(N)

A window is S consecutive segments of N samples; every segment is one step's input. With
S = 25 and N = 100 it has 181,000 parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), "LSTM with TensorFlow".
"""

from __future__ import annotations

from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations.activations import relu
from forecaster.equations.dense import dense
from forecaster.equations.lstm import lstm
from forecaster.networks import Setting, Shapes, Tensors

Units = Annotated[int, Field(ge=1, le=4096)]


class Parameters(Frozen):
    """The units of the two LSTMs and of the hidden dense layer."""

    units_1: Units = 100
    units_2: Units = 100
    hidden: Units = 100


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Name every tensor and its shape; gates in the order i, f, a, o."""
    first, second, hidden, n_input = parameters.units_1, parameters.units_2, parameters.hidden, window.n_input
    return {
        "lstm_1.kernel": (window.width, 4 * first),
        "lstm_1.recurrent_kernel": (first, 4 * first),
        "lstm_1.bias": (4 * first,),
        "lstm_2.kernel": (first, 4 * second),
        "lstm_2.recurrent_kernel": (second, 4 * second),
        "lstm_2.bias": (4 * second,),
        "hidden.kernel": (second, hidden),
        "hidden.bias": (hidden,),
        "segment.kernel": (hidden, n_input),
        "segment.bias": (n_input,),
    }


def forward(tensors: Tensors, x: NDArray) -> NDArray:
    """Compute the next segment (B, N) of windows x (B, S, width)."""
    y = lstm(x, tensors["lstm_1.kernel"], tensors["lstm_1.recurrent_kernel"], tensors["lstm_1.bias"])
    y = lstm(y, tensors["lstm_2.kernel"], tensors["lstm_2.recurrent_kernel"], tensors["lstm_2.bias"])
    y = relu(dense(y[:, -1], tensors["hidden.kernel"], tensors["hidden.bias"]))
    return dense(y, tensors["segment.kernel"], tensors["segment.bias"])


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Make the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.regularise import Dropout
    from forecaster.networks._parts import head, lstm_start, network_input

    inputs, y = network_input(window, setting)
    for k, units in enumerate((parameters.units_1, parameters.units_2)):
        start = lstm_start(y.shape[-1] + units, setting, layer=k)
        y = keras.layers.LSTM(units, return_sequences=k == 0, name=f"lstm_{k + 1}", **start)(y)
        y = Dropout(setting.dropout, seed=setting.seed, layer=k + 1)(y)
    return keras.Model(inputs, head(y, parameters.hidden, window.n_input, setting))
