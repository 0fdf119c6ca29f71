"""What the NumPy side of several networks shares; nothing here may import Keras."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.equations import lstm
from forecaster.equations.activations import relu
from forecaster.equations.dense import dense
from forecaster.networks import Shapes, Tensors

Units = Annotated[int, Field(ge=1, le=4096)]
Quantities = dict[str, NDArray]
QUIETEST, LOUDEST = 0.01, 4.0
"""Between which sizes windows are followed, in deviations of the training part: a constant one can be divided by its
own, and a closed loop that grows comes to an end."""


def head_shapes(rows: int, hidden: int, n_input: int) -> Shapes:
    """Name the tensors of the two dense layers behind `rows` numbers."""
    first: Shapes = {"hidden.kernel": (rows, hidden), "hidden.bias": (hidden,)}
    return first | {"segment.kernel": (hidden, n_input), "segment.bias": (n_input,)}


def head(tensors: Tensors, y: NDArray) -> NDArray:
    """Compute Dense(ReLU) -> Dense(N) of the last step's output y (B, n): (B, N)."""
    y = relu(dense(y, tensors["hidden.kernel"], tensors["hidden.bias"]))
    return dense(y, tensors["segment.kernel"], tensors["segment.bias"])


def layer(tensors: Tensors, name: str) -> dict[str, NDArray]:
    """Return the tensors of the layer `name` by their own names.

    >>> import numpy as np
    >>> layer({"rnn_1.W": np.eye(2), "rnn_2.W": np.eye(3)}, "rnn_2")["W"].shape
    (3, 3)
    """
    before = f"{name}."
    return {key.removeprefix(before): tensor for key, tensor in tensors.items() if key.startswith(before)}


def lstm_quantities(found: lstm.Trace) -> Quantities:
    """Name in plain words what an LSTM layer did, each (B, S, n)."""
    gates = {"forget gate": found.f, "input gate": found.i, "output gate": found.o}
    return {**gates, "candidate": found.a, "state": found.s, "output": found.y}


def levelled(x: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return windows x (B, S, width), the last value of their own channel taken out of it, and that value (B, 1).

    The own channel is the first N numbers of each step.

    >>> import numpy as np
    >>> z, last = levelled(np.array([[[1.0, 2.0, 9.0], [3.0, 5.0, 9.0]]]), 2)
    >>> z.tolist(), last.tolist()
    ([[[-4.0, -3.0, 9.0], [-2.0, 0.0, 9.0]]], [[5.0]])
    """
    last = x[:, -1, n_input - 1 : n_input]
    return np.concatenate((x[:, :, :n_input] - last[:, None], x[:, :, n_input:]), axis=2), last


def normalised(z: NDArray, n_input: int) -> tuple[NDArray, NDArray]:
    """Return windows z (B, S, width), their own channel divided by its size, and that size (B, 1).

    The own channel is the first N numbers of each step; its size is its deviation over the window.

    >>> import numpy as np
    >>> z, size = normalised(np.array([[[-3.0, -2.0, 9.0], [-1.0, 0.0, 9.0]]]), 2)
    >>> z.round(2).tolist(), size.round(2).tolist()
    ([[[-2.68, -1.79, 9.0], [-0.89, 0.0, 9.0]]], [[1.12]])
    """
    own = z[:, :, :n_input]
    size = np.sqrt(own.var(axis=(1, 2), keepdims=True) + z.dtype.type(QUIETEST**2))
    size = np.minimum(size, z.dtype.type(LOUDEST))
    return np.concatenate((own / size, z[:, :, n_input:]), axis=2), size[:, 0]
