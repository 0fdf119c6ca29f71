"""Matrix products whose bits do not depend on where in a batch a row stands.

A BLAS may compute a row of ``A @ B`` differently by its position, so that a file alone and the
same file among a thousand would differ in the last bits. A stack of small products does not:
the input projections are one product a window, and all others go by blocks of eight rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
