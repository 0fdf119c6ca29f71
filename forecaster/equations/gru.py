"""The gated recurrent unit, in each of its four forms.

    r_t = sig(Wr [x_t, y_{t-1}] + br)                       reset gate
    u_t = sig(Wu [x_t, y_{t-1}] + bu)                       update gate
    a_t = tanh(Wa [x_t, r_t y_{t-1}] + ba)                  candidate, reset before the product
    a_t = tanh(Wx x_t + ba + r_t (Wy y_{t-1} + bs))         candidate, reset after it; Wa = [Wx, Wy]
    y_t = u_t y_{t-1} + (1 - u_t) a_t                       output, the update gate keeps
    y_t = (1 - u_t) y_{t-1} + u_t a_t                       output, the update gate takes

By default Keras' update gate keeps, and its reset comes after the product. With one unit and
bs = 0, reset before and after are the same.

Source: decks A (COMP5331), B (COMP7/8118 M50) and D (Algorithms for Big Data, RNN) name the
unit and give no equations. Cho et al., "Learning Phrase Representations using RNN
Encoder-Decoder", arXiv 1406.1078: the update gate keeps; its version 1 resets after, its
version 3 before. Chung et al., "Empirical Evaluation of Gated Recurrent Neural Networks"
(2014): the update gate takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import sigmoid
from forecaster.equations.linear import by_blocks, by_windows

Mix = Literal["update-keeps", "update-takes"]
Reset = Literal["before", "after"]
GATES = "rua"


class Trace(NamedTuple):
    """The gates r and u, the candidate a and the output y at every step, each (B, S, n)."""

    r: NDArray
    u: NDArray
    a: NDArray
    y: NDArray


def gru(x: NDArray, weights: Mapping[str, NDArray], mix: Mix = "update-keeps", start: NDArray | None = None) -> NDArray:
    """Return every output y (B, S, n) of the unit over `x` (B, S, N), from `start` (B, n), or from zero.

    `weights` has Wr, Wu, Wa, each (N + n, n), the matrices above transposed with rows in the
    order of [x_t, y_{t-1}]; the biases br, bu, ba (n,); and bs (n,) if the reset comes after the
    product.
    """
    return np.stack([step[-1] for step in steps(x, weights, mix, start)], axis=1)


def trace(x: NDArray, weights: Mapping[str, NDArray], mix: Mix = "update-keeps") -> Trace:
    """Return what every gate of the unit did over `x` (B, S, N); the arguments are those of `gru`.

    >>> rows = {"r": ([0.7, 0.3, 0.4], 0.4), "u": ([0.2, 0.3, 0.4], 0.2), "a": ([0.4, 0.2, 0.1], 0.5)}
    >>> weights = {f"W{gate}": np.array(row)[:, None] for gate, (row, _) in rows.items()}
    >>> weights |= {f"b{gate}": np.array([bias]) for gate, (_, bias) in rows.items()}
    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> trace(x, weights, "update-keeps").y.round(4).ravel().tolist()
    [0.2292, 0.4025]
    >>> trace(x, weights, "update-takes").y.round(4).ravel().tolist()
    [0.322, 0.6152]
    """
    quantities = zip(*steps(x, weights, mix), strict=True)
    return Trace(*(np.stack(quantity, axis=1) for quantity in quantities))


def steps(
    x: NDArray, weights: Mapping[str, NDArray], mix: Mix, start: NDArray | None = None
) -> Iterator[tuple[NDArray, ...]]:
    """Yield r, u, a, y of each step, each (B, n); the arguments are those of `gru`."""
    n, bs = len(weights["ba"]), weights.get("bs")
    joined = np.concatenate([weights[f"W{gate}"] for gate in GATES], axis=1)
    projected = by_windows(x, joined[:-n]) + np.concatenate([weights[f"b{gate}"] for gate in GATES])
    recurrent = joined[-n:]
    y = np.zeros((len(x), n), x.dtype) if start is None else start
    for t in range(x.shape[1]):
        sums_r_u, sum_a = projected[:, t, : 2 * n], projected[:, t, 2 * n :]
        if bs is None:
            r_and_u = sigmoid(sums_r_u + by_blocks(y, recurrent[:, : 2 * n]))
            r, u = r_and_u[:, :n], r_and_u[:, n:]
            a = np.tanh(sum_a + by_blocks(r * y, recurrent[:, 2 * n :]))
        else:
            products = by_blocks(y, recurrent)
            r_and_u = sigmoid(sums_r_u + products[:, : 2 * n])
            r, u = r_and_u[:, :n], r_and_u[:, n:]
            a = np.tanh(sum_a + r * (products[:, 2 * n :] + bs))
        y = u * y + (1 - u) * a if mix == "update-keeps" else u * a + (1 - u) * y
        yield r, u, a, y
