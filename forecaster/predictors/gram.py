"""Gram matrices of all windows of a signal at stride 1, without ever laying out a window.

Neighbouring windows share all samples but one, so the Gram matrix G of the rows
``x[t : t + P]``, t = 0 .. W - 1, has a recursion along its diagonals:

    G[i + 1, j + 1] = G[i, j] - x[i] x[j] + x[W + i] x[W + j]

Its first row is a correlation, done by FFT in blocks. Time is O(T log P + P^2), memory O(P^2),
whatever the recording's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.windows import Windows

Array = NDArray[np.float64]
BLOCK = 1 << 16


@dataclass
class Gram:
    """Sums over W rows of P = taps + N samples: `product` (P, P), `total` (P,), `rows` W."""

    product: Array
    total: Array
    rows: int

    @classmethod
    def of(cls, windows: Windows, taps: int) -> Self:
        """Sum over every window of `windows` at stride 1: its last `taps` context samples and its target."""
        width = taps + windows.ahead * windows.window.n_input
        gram = cls(np.zeros((width, width)), np.zeros(width), 0)
        for r in np.flatnonzero(windows.count):
            gram._add(windows.stretch(int(r))[windows.window.context - taps :])
        return gram

    @property
    def mean(self) -> Array:
        """The mean row, (P,)."""
        return self.total / self.rows

    def centred(self, mean: Array) -> Array:
        """Return the sum of ``(row - mean)(row - mean)^T``, (P, P), about any `mean` (P,)."""
        cross = np.outer(self.total, mean)
        return self.product - cross - cross.T + self.rows * np.outer(mean, mean)

    def _add(self, stretch: NDArray) -> None:
        width = len(self.total)
        rows = len(stretch) - width + 1
        head, tail = (stretch[part].astype(np.float64) for part in (slice(0, width), slice(rows, rows + width)))
        row = correlate(stretch, rows, width)
        self.product[0] += row
        self.product[1:, 0] += row[1:]
        for i in range(width - 1):
            row = row[:-1] - head[i] * head[i:-1] + tail[i] * tail[i : width - 1]
            self.product[i + 1, i + 1 :] += row
            self.product[i + 2 :, i + 1] += row[1:]
        self.total += _sums(stretch, rows, width)
        self.rows += rows


def correlate(x: NDArray, rows: int, width: int) -> Array:
    """Return ``sum over t < rows of x[t] x[t + k]`` for k = 0 .. width - 1.

    >>> correlate(np.array([1.0, 2.0, 3.0]), 2, 2).round(9).tolist()
    [5.0, 8.0]
    """
    result = np.zeros(width)
    for begin in range(0, rows, BLOCK):
        left = x[begin : min(begin + BLOCK, rows)].astype(np.float64)
        right = x[begin : begin + len(left) + width - 1].astype(np.float64)
        size = 1 << int(np.ceil(np.log2(len(left) + width)))
        spectrum = np.conj(np.fft.rfft(left, size)) * np.fft.rfft(right, size)
        result += np.fft.irfft(spectrum, size)[:width]
    return result


def _sums(x: NDArray, rows: int, width: int) -> Array:
    """Return ``sum over t < rows of x[t + k]`` for k = 0 .. width - 1."""
    first = x[:rows].sum(dtype=np.float64)
    change = x[rows : rows + width - 1].astype(np.float64) - x[: width - 1].astype(np.float64)
    return first + np.concatenate(([0.0], np.cumsum(change)))
