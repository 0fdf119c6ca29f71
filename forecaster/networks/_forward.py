"""What the forward passes of several networks share, in NumPy; nothing here may import Keras."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.equations import lstm
from forecaster.equations.activations import relu
from forecaster.equations.linear import dense
from forecaster.networks import Shapes, Tensors

Units = Annotated[int, Field(ge=1, le=4096)]
Quantities = dict[str, NDArray]

# The smallest and the largest deviation that `normalised` divides a window by, in deviations of the
# training part. With the first, a constant window can be divided by its own; with the second, a
# closed loop that grows comes to an end.
QUIETEST, LOUDEST = 0.01, 4.0


def head_shapes(rows: int, hidden: int, n_input: int) -> Shapes:
    """Return the names and shapes of the tensors of `head`, on `rows` numbers."""
    first: Shapes = {"hidden.kernel": (rows, hidden), "hidden.bias": (hidden,)}
    return first | {"segment.kernel": (hidden, n_input), "segment.bias": (n_input,)}


def head(tensors: Tensors, y: NDArray) -> NDArray:
    """Return the segment (B, N) that Dense(ReLU) -> Dense(N) make of the last step's output y (B, n)."""
    y = relu(dense(y, tensors["hidden.kernel"], tensors["hidden.bias"]))
    return dense(y, tensors["segment.kernel"], tensors["segment.bias"])


def layer_weights(tensors: Tensors, layer: str) -> dict[str, NDArray]:
    """Return the weights of one `layer`, without its name before theirs.

    >>> import numpy as np
    >>> layer_weights({"rnn_1.W": np.eye(2), "rnn_2.W": np.eye(3)}, "rnn_2")["W"].shape
    (3, 3)
    """
    prefix = f"{layer}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def lstm_weights(tensors: Tensors, layer: str) -> tuple[NDArray, NDArray, NDArray]:
    """Return the kernel, the recurrent kernel and the bias of one LSTM `layer`, as `equations.lstm` takes them."""
    return tensors[f"{layer}.kernel"], tensors[f"{layer}.recurrent_kernel"], tensors[f"{layer}.bias"]


def lstm_quantities(trace: lstm.Trace) -> Quantities:
    """Return a `trace` of one LSTM layer with the letters written out as words, each (B, S, n)."""
    gates = {"forget gate": trace.f, "input gate": trace.i, "output gate": trace.o}
    return {**gates, "candidate": trace.a, "state": trace.s, "output": trace.y}


def levelled(x: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return windows x (B, S, width) less the last value of the channel that is forecast, and that value (B, 1).

    The channel is the first N numbers of each step; the covariates behind it stay as they are.

    >>> import numpy as np
    >>> z, last = levelled(np.array([[[1.0, 2.0, 9.0], [3.0, 5.0, 9.0]]]), 2)
    >>> z.tolist(), last.tolist()
    ([[[-4.0, -3.0, 9.0], [-2.0, 0.0, 9.0]]], [[5.0]])
    """
    last = x[:, -1, n_input - 1 : n_input]
    return np.concatenate((x[:, :, :n_input] - last[:, None], x[:, :, n_input:]), axis=2), last


def normalised(z: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return windows z (B, S, width) with the channel that is forecast divided by its size, and that size (B, 1).

    The channel is the first N numbers of each step; its size is its deviation over the window,
    held within bounds. The covariates behind it stay as they are.

    >>> import numpy as np
    >>> z, size = normalised(np.array([[[-3.0, -2.0, 9.0], [-1.0, 0.0, 9.0]]]), 2)
    >>> z.round(2).tolist(), size.round(2).tolist()
    ([[[-2.68, -1.79, 9.0], [-0.89, 0.0, 9.0]]], [[1.12]])
    """
    channel = z[:, :, :n_input]
    size = np.sqrt(channel.var(axis=(1, 2), keepdims=True) + z.dtype.type(QUIETEST**2))
    size = np.minimum(size, z.dtype.type(LOUDEST))
    return np.concatenate((channel / size, z[:, :, n_input:]), axis=2), size[:, 0]
