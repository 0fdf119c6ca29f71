"""Products of matrices, and the layers that are one product: the dense layer, and causal convolution.

A BLAS may compute a row of ``A @ B`` differently by its position in A, so that a file alone and the
same file among a thousand would differ in the last bits. A stack of small products does not. So
input projections are one product a window, and all others go by blocks of eight rows.

    y = x W + b                                                    dense
    y_t = relu(b + sum over k < p of K_k x_{t - (p - 1 - k) d})    convolution; x = 0 before the window

A stack of such convolutions with the dilations d = 1, p, p^2, ... (van den Oord et al.) looks
back on p, p^2, p^3, ... samples. A forecast needs the value at the last sample alone, and that
value depends on every p-th place of the layer below alone. So each layer is computed at those
places only, where the taps do not overlap: it becomes a reshape and one product.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the sliding predictor and the
finite-response model Y_t = f(X_t, ..., X_{t-N}). Dilation: van den Oord et al., "WaveNet"
(2016); Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling" (2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import relu

# Rows in a block. A block is always full, the last one padded with zeros: with fewer rows the BLAS
# may choose another kernel, and other bits.
ROWS = 8


def by_blocks(rows: NDArray, matrix: NDArray) -> NDArray:
    """Return ``rows @ matrix`` for (B, K) and (K, M), computed in blocks of eight rows.

    >>> by_blocks(np.eye(2), np.array([[1.0], [2.0]])).tolist()
    [[1.0], [2.0]]
    """
    batch = len(rows)
    blocks = -(-batch // ROWS)
    padded = rows
    if batch < blocks * ROWS:
        padded = np.concatenate((rows, np.zeros((blocks * ROWS - batch, rows.shape[1]), rows.dtype)))
    stacked = np.ascontiguousarray(padded).reshape(blocks, ROWS, rows.shape[1])
    return np.matmul(stacked, matrix).reshape(blocks * ROWS, matrix.shape[1])[:batch]


def by_windows(windows: NDArray, matrix: NDArray) -> NDArray:
    """Return ``windows @ matrix`` (B, S, M) for (B, S, N) and (N, M): one product a window, for all its steps at once.

    >>> by_windows(np.ones((1, 2, 3)), np.ones((3, 1))).tolist()
    [[[3.0], [3.0]]]
    """
    return np.matmul(windows, matrix)


def dense(x: NDArray, kernel: NDArray, bias: NDArray) -> NDArray:
    """Return ``x @ kernel + bias`` (B, M) for x (B, K), kernel (K, M) and bias (M,)."""
    return by_blocks(x, kernel) + bias


def dense_at_each_step(x: NDArray, kernel: NDArray, bias: NDArray) -> NDArray:
    """Return ``x @ kernel + bias`` (B, S, M) for x (B, S, K), kernel (K, M) and bias (M,)."""
    return by_windows(x, kernel) + bias


def folded_convolution(x: NDArray, kernel: NDArray, bias: NDArray) -> NDArray:
    """Return the convolution of `x` (B, T, C) with ReLU at every p-th place up to the last, (B, ceil(T / p), F).

    `kernel` (p, C, F) has its last tap on the newest place, and `bias` has the shape (F,). Zeros
    stand before the window.

    >>> folded_convolution(np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1)), np.zeros(1)).ravel().tolist()
    [0.0, 3.0, 7.0]
    """
    taps, channels, filters = kernel.shape
    # Zeros go in front, not behind, so that the last fold ends at the newest sample.
    missing = -x.shape[1] % taps
    padded = np.concatenate((np.zeros((len(x), missing, channels), x.dtype), x), axis=1)
    folded = padded.reshape(len(x), -1, taps * channels)
    return relu(by_windows(folded, kernel.reshape(taps * channels, filters)) + bias)


def samples(x: NDArray, n_input: int) -> NDArray:
    """Return segments (B, S, N (1 + X)) laid out by sample, (B, L, 1 + X).

    >>> samples(np.array([[[1, 2, 10, 20], [3, 4, 30, 40]]]), 2).tolist()
    [[[1, 10], [2, 20], [3, 30], [4, 40]]]
    """
    batch, n_step, width = x.shape
    by_channel = x.reshape(batch, n_step, width // n_input, n_input)
    return by_channel.swapaxes(2, 3).reshape(batch, n_step * n_input, width // n_input)
