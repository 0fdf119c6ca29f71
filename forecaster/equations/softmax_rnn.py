"""The softmax RNN over symbols.

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_t                                a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each to come next

x_t is one-hot, so that Whx x_t is one column of Whx. h_1 is given; every symbol read makes the
next state, and y of that state says which symbol is expected after it.

Source: deck C (K. H. Wong, RNN v.250224b), demo_rnn4b, slides 14 to 23. Deck E has the same
under the names o_t = c + V h_t, with an output bias c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.products import by_blocks, by_windows


class Trace(NamedTuple):
    """What every symbol read led to: states h (B, S, n), numbers y (B, S, K) under the softmax."""

    h: NDArray
    y: NDArray


def softmax_rnn(x: NDArray, weights: Mapping[str, NDArray], start: NDArray | None = None) -> Trace:
    """Run the network over `x` (B, S, K) from the state `start`, or zero; return h and y after every symbol.

    `weights` has Whx (K, n), Whh (n, n), Why (n, K), the deck's matrices transposed, and bias
    (n,). `start` is h_1, (B, n), or (n,) for all alike; h[:, 0] is the deck's h_2.

    >>> weights = {"Whx": np.eye(2), "Whh": np.zeros((2, 2)), "bias": np.zeros(2), "Why": np.eye(2)}
    >>> softmax_rnn(np.array([[[1.0, 0.0], [0.0, 1.0]]]), weights).y.round(4).tolist()
    [[[0.7616, 0.0], [0.0, 0.7616]]]
    """
    drive = by_windows(x, weights["Whx"]) + weights["bias"]
    state = np.broadcast_to(np.zeros(drive.shape[-1], x.dtype) if start is None else start, drive[:, 0].shape)
    h = np.empty_like(drive)
    for t in range(x.shape[1]):
        h[:, t] = state = np.tanh(drive[:, t] + by_blocks(state, weights["Whh"]))
    return Trace(h, by_windows(h, weights["Why"]))
