"""The activations that the gates and states pass through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sigmoid(x: NDArray) -> NDArray:
    """Return 1 / (1 + exp(-x)), without overflow: it is written with tanh, which saturates.

    >>> float(sigmoid(np.float64(0)))
    0.5
    """
    half = x.dtype.type(0.5)
    return half * np.tanh(half * x) + half


def relu(x: NDArray) -> NDArray:
    """Return max(x, 0)."""
    return np.maximum(x, x.dtype.type(0))
