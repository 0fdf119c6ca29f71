"""The scalar LSTM (sLSTM): exponential gates, and a normaliser state that keeps the output in bounds.

    z_t = tanh(Wz [x_t, h_{t-1}] + bz)                      candidate
    o_t = sig(Wo [x_t, h_{t-1}] + bo)                       output gate
    k_t = Wi [x_t, h_{t-1}] + bi                            logarithm of the input gate
    l_t = log sig(Wf [x_t, h_{t-1}] + bf)                   logarithm of the forget gate
    m_t = max(l_t + m_{t-1}, k_t)                           stabiliser
    i_t = exp(k_t - m_t)                                    input gate
    f_t = exp(l_t + m_{t-1} - m_t)                          forget gate
    c_t = f_t c_{t-1} + i_t z_t                             state
    n_t = f_t n_{t-1} + i_t                                 normaliser
    h_t = o_t c_t / n_t                                     output

An input gate may exceed 1 by any amount, so one step can overrule all that was kept before. The
stabiliser only keeps the exponentials finite: it cancels in c_t / n_t.

Source: Beck et al., "xLSTM: Extended Long Short-Term Memory" (2024), equations 8 to 17, with the
forget gate as a sigmoid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import sigmoid
from forecaster.equations.linear import by_blocks, by_windows

GATES = "zoif"


class Trace(NamedTuple):
    """The gates i, f, o, the candidate z, the mean that is kept, c / n, and the output h, each (B, S, n)."""

    i: NDArray
    f: NDArray
    o: NDArray
    z: NDArray
    kept: NDArray
    h: NDArray


def slstm(x: NDArray, weights: Mapping[str, NDArray]) -> NDArray:
    """Return every output h (B, S, n) of the unit over `x` (B, S, N), from zero.

    `weights` has Wz, Wo, Wi, Wf, each (N + n, n), the matrices above transposed with rows in the
    order of [x_t, h_{t-1}]; and the biases bz, bo, bi, bf (n,).
    """
    return np.stack([step[-1] for step in steps(x, weights)], axis=1)


def trace(x: NDArray, weights: Mapping[str, NDArray]) -> Trace:
    """Return what every gate of the unit did over `x` (B, S, N); the arguments are those of `slstm`.

    >>> rows = {"z": [0.4, 0.2, 0.1], "o": [0.8, 0.9, 0.2], "i": [0.2, 0.3, 0.4], "f": [0.7, 0.3, 0.4]}
    >>> weights = {f"W{gate}": np.array(row)[:, None] for gate, row in rows.items()}
    >>> weights |= {f"b{gate}": np.zeros(1) for gate in rows}
    >>> trace(np.array([[[0.1, 0.4], [0.7, 0.9]]]), weights).h.round(4).ravel().tolist()
    [0.0726, 0.2632]
    """
    quantities = zip(*steps(x, weights), strict=True)
    return Trace(*(np.stack(quantity, axis=1) for quantity in quantities))


def steps(x: NDArray, weights: Mapping[str, NDArray]) -> Iterator[tuple[NDArray, ...]]:
    """Yield i, f, o, z, c / n, h of each step, each (B, n); the arguments are those of `slstm`."""
    n = len(weights["bz"])
    joined = np.concatenate([weights[f"W{gate}"] for gate in GATES], axis=1)
    projected = by_windows(x, joined[:-n]) + np.concatenate([weights[f"b{gate}"] for gate in GATES])
    state = normaliser = output = np.zeros((len(x), n), x.dtype)
    # Before the first step nothing is kept, whatever the forget gate says.
    stabiliser = np.full((len(x), n), -np.inf, x.dtype)
    for t in range(x.shape[1]):
        sums = projected[:, t] + by_blocks(output, joined[-n:])
        z, o = np.tanh(sums[:, :n]), sigmoid(sums[:, n : 2 * n])
        log_i, log_f = sums[:, 2 * n : 3 * n], -np.logaddexp(0, -sums[:, 3 * n :])
        following = np.maximum(log_f + stabiliser, log_i)
        i, f = np.exp(log_i - following), np.exp(log_f + stabiliser - following)
        state, normaliser, stabiliser = f * state + i * z, f * normaliser + i, following
        output = o * state / normaliser
        yield i, f, o, z, state / normaliser, output
