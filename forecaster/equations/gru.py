"""The gated recurrent unit, in each of its four forms.

    r_t = sig(Wr [x_t, y_{t-1}] + br)                       reset gate
    u_t = sig(Wu [x_t, y_{t-1}] + bu)                       update gate
    a_t = tanh(Wa [x_t, r_t y_{t-1}] + ba)                  candidate, reset before the product
    a_t = tanh(Wx x_t + ba + r_t (Wy y_{t-1} + bs))         candidate, reset after it; Wa = [Wx, Wy]
    y_t = u_t y_{t-1} + (1 - u_t) a_t                       output, the update gate keeps
    y_t = (1 - u_t) y_{t-1} + u_t a_t                       output, the update gate takes

Keras keeps, and resets after the product unless told otherwise. With one unit, and bs = 0,
before and after are the same.

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
from forecaster.equations.products import by_blocks, by_windows

Mix = Literal["update-keeps", "update-takes"]
Reset = Literal["before", "after"]
GATES = "rua"


class Trace(NamedTuple):
    """What every gate did at every step: r, u, a, y, each (B, S, n)."""

    r: NDArray
    u: NDArray
    a: NDArray
    y: NDArray


def gru(x: NDArray, weights: Mapping[str, NDArray], mix: Mix = "update-keeps", start: NDArray | None = None) -> NDArray:
    """Run the unit over `x` (B, S, N) from `start` (B, n), else from zero; return every output y (B, S, n).

    `weights` has Wr, Wu, Wa, each (N + n, n): the matrices above transposed, rows in the order
    of [x_t, y_{t-1}]; br, bu, ba (n,); and bs (n,) if the reset comes after the product.
    """
    return np.stack([step[-1] for step in steps(x, weights, mix, start)], axis=1)


def trace(x: NDArray, weights: Mapping[str, NDArray], mix: Mix = "update-keeps") -> Trace:
    """Run the unit as `gru` does, and keep what every gate did.

    >>> rows = {"r": ([0.7, 0.3, 0.4], 0.4), "u": ([0.2, 0.3, 0.4], 0.2), "a": ([0.4, 0.2, 0.1], 0.5)}
    >>> weights = {f"W{gate}": np.array(row)[:, None] for gate, (row, _) in rows.items()}
    >>> weights |= {f"b{gate}": np.array([bias]) for gate, (_, bias) in rows.items()}
    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> trace(x, weights, "update-keeps").y.round(4).ravel().tolist()
    [0.2292, 0.4025]
    >>> trace(x, weights, "update-takes").y.round(4).ravel().tolist()
    [0.322, 0.6152]
    """
    parts = zip(*steps(x, weights, mix), strict=True)
    return Trace(*(np.stack(part, axis=1) for part in parts))


def steps(
    x: NDArray, weights: Mapping[str, NDArray], mix: Mix, start: NDArray | None = None
) -> Iterator[tuple[NDArray, ...]]:
    """Yield r, u, a, y of each step, each (B, n)."""
    n = len(weights["ba"])
    joined = np.concatenate([weights[f"W{gate}"] for gate in GATES], axis=1)
    drive = by_windows(x, joined[:-n]) + np.concatenate([weights[f"b{gate}"] for gate in GATES])
    y = np.zeros((len(x), n), x.dtype) if start is None else start
    for t in range(x.shape[1]):
        r, u, a = _gates(drive[:, t], y, joined[-n:], weights.get("bs"))
        kept, taken = (y, a) if mix == "update-keeps" else (a, y)
        y = u * kept + (1 - u) * taken
        yield r, u, a, y


def _gates(drive: NDArray, y: NDArray, recurrent: NDArray, bs: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """Return r, u, a (B, n) from the input's share of their sums (B, 3n) and the last output y (B, n)."""
    n = y.shape[1]
    if bs is None:
        open_ = sigmoid(drive[:, : 2 * n] + by_blocks(y, recurrent[:, : 2 * n]))
        r, u = open_[:, :n], open_[:, n:]
        return r, u, np.tanh(drive[:, 2 * n :] + by_blocks(r * y, recurrent[:, 2 * n :]))
    share = by_blocks(y, recurrent)
    open_ = sigmoid(drive[:, : 2 * n] + share[:, : 2 * n])
    r, u = open_[:, :n], open_[:, n:]
    return r, u, np.tanh(drive[:, 2 * n :] + r * (share[:, 2 * n :] + bs))
