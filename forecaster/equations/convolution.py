"""Causal convolution over the samples, at the places that matter.

    y_t = relu(b + sum over k < p of K_k x_{t - (p - 1 - k) d}),   x = 0 before the window

A stack of such layers with the dilations d = 1, p, p^2, ... (van den Oord et al.) looks back on
p, p^2, p^3, ... samples. Only its value at the last sample is wanted, and that depends on every
p-th place of the layer below alone: so each layer is computed at those places only, where the
taps do not overlap, and is a reshape and one product.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the sliding predictor and the
finite-response model Y_t = f(X_t, ..., X_{t-N}). Dilation: van den Oord et al., "WaveNet"
(2016); Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling" (2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import relu
from forecaster.equations.products import by_windows


def folded_convolution(x: NDArray, kernel: NDArray, bias: NDArray) -> NDArray:
    """Convolve `x` (B, T, C) at every p-th place, the last one included: relu, (B, ceil(T / p), F).

    `kernel` (p, C, F), its last tap on the newest place; `bias` (F,); zeros stand before the
    window.

    >>> folded_convolution(np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1)), np.zeros(1)).ravel().tolist()
    [0.0, 3.0, 7.0]
    """
    taps, channels, filters = kernel.shape
    missing = -x.shape[1] % taps
    padded = np.concatenate((np.zeros((len(x), missing, channels), x.dtype), x), axis=1)
    folded = padded.reshape(len(x), -1, taps * channels)
    return relu(by_windows(folded, kernel.reshape(taps * channels, filters)) + bias)


def samples(x: NDArray, n_input: int) -> NDArray:
    """Lay segments (B, S, N (1 + X)) out by sample: (B, L, 1 + X).

    >>> samples(np.array([[[1, 2, 10, 20], [3, 4, 30, 40]]]), 2).tolist()
    [[[1, 10], [2, 20], [3, 30], [4, 40]]]
    """
    batch, n_step, width = x.shape
    apart = x.reshape(batch, n_step, width // n_input, n_input)
    return apart.swapaxes(2, 3).reshape(batch, n_step * n_input, width // n_input)
