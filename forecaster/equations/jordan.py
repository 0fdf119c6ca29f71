"""A network whose recursion goes through its output.

    z_t = tanh(W [x_t, y_{t-1}] + b)         hidden units
    y_t = V z_t + c,   y_0 = 0               output

What is fed back is the output, not the hidden units: Y_t = f(X_t, Y_{t-1}), the model of
infinite response. It is Jordan's network, and the nonlinear autoregressive model with
exogenous inputs with one output delay.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the infinite-response model.
Jordan, "Serial Order: A Parallel Distributed Processing Approach" (1986); Lin, Horne, Tino and
Giles, "Learning Long-Term Dependencies in NARX Recurrent Neural Networks" (1996).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.products import by_blocks, by_windows


class Trace(NamedTuple):
    """What the network did at every step: hidden units z (B, S, n), outputs y (B, S, M)."""

    z: NDArray
    y: NDArray


def jordan(x: NDArray, weights: Mapping[str, NDArray]) -> Trace:
    """Run the network over `x` (B, S, N) from the output zero; return z and y of every step.

    `weights` has W (N + M, n) and V (n, M), the matrices above transposed, the rows of W in the
    order of [x_t, y_{t-1}]; b (n,) and c (M,).

    >>> weights = {"W": np.array([[1.0], [1.0]]), "b": np.zeros(1), "V": np.array([[2.0]]), "c": np.ones(1)}
    >>> jordan(np.zeros((1, 2, 1)), weights).y.round(4).ravel().tolist()
    [1.0, 2.5232]
    """
    M = len(weights["c"])
    drive = by_windows(x, weights["W"][:-M]) + weights["b"]
    y = np.zeros((len(x), M), x.dtype)
    z, outputs = np.empty_like(drive), np.empty((*x.shape[:2], M), drive.dtype)
    for t in range(x.shape[1]):
        z[:, t] = np.tanh(drive[:, t] + by_blocks(y, weights["W"][-M:]))
        outputs[:, t] = y = by_blocks(z[:, t], weights["V"]) + weights["c"]
    return Trace(z, outputs)
