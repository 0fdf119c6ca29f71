"""The dense layer: y = x W + b."""

from __future__ import annotations

from numpy.typing import NDArray

from forecaster.equations.products import by_blocks


def dense(x: NDArray, kernel: NDArray, bias: NDArray) -> NDArray:
    """Return ``x @ kernel + bias`` for x (B, K), kernel (K, M), bias (M,): (B, M)."""
    return by_blocks(x, kernel) + bias
