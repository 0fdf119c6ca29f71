"""Matrix products whose bits do not depend on where in a batch a row stands.

A BLAS may compute a row of ``A @ B`` differently by its position, so one file alone and the
same file among a thousand would differ in the last bits. A stack of small products does not:
the input projections are one product a window, all others go by blocks of eight rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS = 8
"""Rows in a block: a block is always full, the last one padded with zeros."""


def by_blocks(rows: NDArray, matrix: NDArray) -> NDArray:
    """Return ``rows @ matrix`` for (B, K) and (K, M), computed in blocks of eight rows.

    >>> by_blocks(np.eye(2), np.array([[1.0], [2.0]])).tolist()
    [[1.0], [2.0]]
    """
    batch = len(rows)
    blocks = -(-batch // ROWS)
    padded = (
        rows
        if batch == blocks * ROWS
        else np.concatenate((rows, np.zeros((blocks * ROWS - batch, rows.shape[1]), rows.dtype)))
    )
    stacked = np.ascontiguousarray(padded).reshape(blocks, ROWS, rows.shape[1])
    return np.matmul(stacked, matrix).reshape(blocks * ROWS, matrix.shape[1])[:batch]


def by_windows(windows: NDArray, matrix: NDArray) -> NDArray:
    """Return (B, S, N) @ (N, M) -> (B, S, M): one product a window, for all its steps at once."""
    return np.matmul(windows, matrix)
