"""The basic recurrent network.

    s_t = tanh(W [x_t, s_{t-1}] + b),   y_t = s_t

Source: deck A (COMP5331), "Basic RNN"; the same in deck B (COMP7/8118 M50).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.products import by_blocks, by_windows


def basic_rnn(x: NDArray, weights: NDArray, bias: NDArray) -> NDArray:
    """Run the network over `x` (B, S, N) from state zero; return every output y (B, S, n).

    `weights` (N + n, n) holds W transposed: the rows of the input, then those of the state;
    `bias` (n,).

    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> basic_rnn(x, np.array([[0.7], [0.3], [0.4]]), np.array([0.4])).round(4).ravel().tolist()
    [0.5299, 0.8791]
    """
    n = weights.shape[1]
    drive = by_windows(x, weights[:-n]) + bias
    state = np.zeros((len(x), n), x.dtype)
    outputs = np.empty_like(drive)
    for t in range(x.shape[1]):
        state = np.tanh(drive[:, t] + by_blocks(state, weights[-n:]))
        outputs[:, t] = state
    return outputs
