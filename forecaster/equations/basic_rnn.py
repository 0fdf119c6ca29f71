"""The basic recurrent network.

    s_t = act(W [x_t, s_{t-1}] + b),   y_t = s_t

with act the hyperbolic tangent, as the decks have it, or ReLU.

Source: deck A (COMP5331), "Basic RNN"; the same in deck B (COMP7/8118 M50). Decks C and D
write W as two matrices, one of the input and one of the state. ReLU: Le, Jaitly and Hinton,
"A Simple Way to Initialize Recurrent Networks of Rectified Linear Units" (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import relu
from forecaster.equations.products import by_blocks, by_windows

Activation = Literal["tanh", "relu"]
ACTIVATIONS: dict[str, Callable[[NDArray], NDArray]] = {"tanh": np.tanh, "relu": relu}


def basic_rnn(
    x: NDArray, weights: NDArray, bias: NDArray, *, start: NDArray | None = None, activation: Activation = "tanh"
) -> NDArray:
    """Run the network over `x` (B, S, N) from the state `start`, or zero; return every output y (B, S, n).

    `weights` (N + n, n) holds W transposed: the rows of the input, then those of the state;
    `bias` (n,); `start` (B, n), or (n,) for all alike.

    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> basic_rnn(x, np.array([[0.7], [0.3], [0.4]]), np.array([0.4])).round(4).ravel().tolist()
    [0.5299, 0.8791]
    """
    n = weights.shape[1]
    drive = by_windows(x, weights[:-n]) + bias
    state = np.broadcast_to(np.zeros(n, x.dtype) if start is None else start, (len(x), n))
    outputs = np.empty_like(drive)
    for t in range(x.shape[1]):
        state = ACTIVATIONS[activation](drive[:, t] + by_blocks(state, weights[-n:]))
        outputs[:, t] = state
    return outputs
