"""The traditional LSTM.

    f_t = sig(Wf [x_t, y_{t-1}] + bf)        forget gate
    i_t = sig(Wi [x_t, y_{t-1}] + bi)        input gate
    a_t = tanh(Wa [x_t, y_{t-1}] + ba)       candidate, c~ in deck E
    s_t = f_t s_{t-1} + i_t a_t              state, c in deck E
    o_t = sig(Wo [x_t, y_{t-1}] + bo)        output gate
    y_t = o_t tanh(s_t)                      output, h in deck E

Source: deck A (COMP5331, R. Wong), "Traditional LSTM"; deck E (Recurrent Neural Network,
Industrial AI Lab) builds up the same network step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import sigmoid
from forecaster.equations.products import by_blocks, by_windows


class Trace(NamedTuple):
    """What every gate did at every step: f, i, a, s, o, y, each (B, S, n)."""

    f: NDArray
    i: NDArray
    a: NDArray
    s: NDArray
    o: NDArray
    y: NDArray


def lstm(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> NDArray:
    """Run the LSTM over `x` (B, S, N) from state zero; return every output y (B, S, n).

    `kernel` (N, 4n), `recurrent` (n, 4n) and `bias` (4n,) hold the gates side by side in the
    order i, f, a, o, which is the order of Keras.
    """
    return np.stack([step[-1] for step in steps(x, kernel, recurrent, bias)], axis=1)


def trace(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> Trace:
    """Run the LSTM as `lstm` does, and keep what every gate did.

    >>> W = np.array([[0.2, 0.7, 0.4, 0.8], [0.3, 0.3, 0.2, 0.9]]), np.array([[0.4, 0.4, 0.1, 0.2]])
    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> trace(x, *W, np.array([0.2, 0.4, 0.5, 0.3])).y.round(4).ravel().tolist()
    [0.2107, 0.5393]
    """
    parts = zip(*steps(x, kernel, recurrent, bias), strict=True)
    return Trace(*(np.stack(part, axis=1) for part in parts))


def steps(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> Iterator[tuple[NDArray, ...]]:
    """Yield f, i, a, s, o, y of each step, each (B, n).

    The input's share of all gates at all steps is one product; only the recurrent share waits
    for the step before.
    """
    drive = by_windows(x, kernel) + bias
    state = output = np.zeros((len(x), recurrent.shape[0]), x.dtype)
    for t in range(x.shape[1]):
        i, f, a, o = gates(drive[:, t] + by_blocks(output, recurrent))
        state = f * state + i * a
        output = o * np.tanh(state)
        yield f, i, a, state, o, output


def gates(sums: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Turn the gates' sums (B, 4n) into i, f, a, o, each (B, n)."""
    n = sums.shape[1] // 4
    open_ = sigmoid(sums[:, : 2 * n])
    return open_[:, :n], open_[:, n:], np.tanh(sums[:, 2 * n : 3 * n]), sigmoid(sums[:, 3 * n :])


def textbook_gates(weights: dict[str, NDArray], n: int) -> tuple[NDArray, NDArray, NDArray]:
    """Lay the lecture's matrices side by side: kernel (N, 4n), recurrent (n, 4n), bias (4n,).

    `weights` has Wf, Wi, Wa, Wo, each (N + n, n): the deck's matrices transposed, rows in the
    order of [x_t, y_{t-1}]; and bf, bi, ba, bo (n,).
    """
    joined = np.concatenate([weights[f"W{gate}"] for gate in "ifao"], axis=1)
    return joined[:-n], joined[-n:], np.concatenate([weights[f"b{gate}"] for gate in "ifao"])
