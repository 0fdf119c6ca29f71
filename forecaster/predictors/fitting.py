"""What predictors in closed form are fitted to: the Gram matrix of all windows, and a few examples of a channel.

The Gram matrix is that of all windows of a signal at stride 1, and no window is ever laid out for it.
Neighbouring windows share all samples but one, so the Gram matrix G of the rows
``x[t : t + P]``, t = 0 .. W - 1, has a recursion along its diagonals:

    G[i + 1, j + 1] = G[i, j] - x[i] x[j] + x[W + i] x[W + j]

Its first row is a correlation, which is computed by FFT in blocks. The time is O(T log P + P^2), and the
memory O(P^2), whatever the recording's length.

Windows that are normalised have no sample in common, so they are laid out, block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors.base import Array
from forecaster.signal.windows import Windows, WindowSplits

# Samples that are correlated at once.
BLOCK = 1 << 16
# Of windows that are each scaled by their own so many are multiplied out, or as many as make so many products.
FEWEST_ROWS, MAX_PRODUCTS = 20_000, 300_000_000_000
GOLDEN = (5**0.5 - 1) / 2
# Examples of a channel, and of all channels together as long as each has two.
MAX_EXAMPLES = 256
MAX_EXAMPLES_OF_ALL = 4096
# Numbers that the examples of a channel may hold.
MAX_VALUES = 4_000_000


# --- the Gram matrix --------------------------------------------------------------------


@dataclass
class Gram:
    """Sums over W rows of P = taps + N samples: `product` (P, P), `total` (P,), `rows` W."""

    product: Array
    total: Array
    rows: int

    @classmethod
    def of(cls, windows: Windows, taps: int) -> Self:
        """Return the sums over every window of `windows` at stride 1: its last `taps` samples and its target.

        Normalised windows are summed as they are, or evenly spread ones where these are too many.
        """
        width = taps + windows.ahead * windows.window.n_input
        gram = cls(np.zeros((width, width)), np.zeros(width), 0)
        if windows.window.normalised:
            gram._add_normalised(windows)
            return gram
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

    def _add_normalised(self, windows: Windows) -> None:
        """Add windows that are each scaled by their own, so that neighbours share no sample."""
        width = len(self.total)
        for index in _blocks_of_windows(windows, width):
            rows = windows.rows(windows.places(index)[0])[:, -width:].astype(np.float64)
            self.product += rows.T @ rows
            self.total += rows.sum(axis=0)
            self.rows += len(rows)

    def _add(self, stretch: NDArray) -> None:
        width = len(self.total)
        rows = len(stretch) - width + 1
        head, tail = (stretch[ends].astype(np.float64) for ends in (slice(0, width), slice(rows, rows + width)))
        row = correlate(stretch, rows, width)
        self.product[0] += row
        self.product[1:, 0] += row[1:]
        for i in range(width - 1):
            row = row[:-1] - head[i] * head[i:-1] + tail[i] * tail[i : width - 1]
            self.product[i + 1, i + 1 :] += row
            self.product[i + 2 :, i + 1] += row[1:]
        # Column sums by the same idea: each differs from its neighbour by the samples at both ends.
        first = stretch[:rows].sum(dtype=np.float64)
        change = stretch[rows : rows + width - 1].astype(np.float64) - stretch[: width - 1].astype(np.float64)
        self.total += first + np.concatenate(([0.0], np.cumsum(change)))
        self.rows += rows


def _blocks_of_windows(windows: Windows, width: int) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of all `windows` in blocks, or of so many that their products of `width` are affordable."""
    count = len(windows)
    most = max(FEWEST_ROWS, MAX_PRODUCTS // width**2)
    # Multiples of the golden section lie evenly, and are locked to no period of the signal.
    chosen = np.arange(count) if count <= most else np.unique((np.arange(most) * GOLDEN % 1 * count).astype(np.int64))
    yield from np.array_split(chosen, max(1, len(chosen) * windows.span // MAX_VALUES))


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


# --- examples of a channel --------------------------------------------------------------


def examples(windows: Windows, channel: int, channels: int) -> tuple[Array, Array] | None:
    """Return contexts (W, L) and targets (W, N) of one of `channels`, spread evenly over its `windows`.

    Returns None if the channel has no window.
    """
    runs = np.flatnonzero((windows.runs.channel == channel) & (windows.count > 0))
    if not len(runs):
        return None
    # Windows are numbered through all runs in order; those of the channel through its own runs first.
    ends = np.cumsum(windows.count[runs])
    count = max(1, min(MAX_EXAMPLES, max(2, MAX_EXAMPLES_OF_ALL // channels), MAX_VALUES // windows.span))
    place = np.unique(np.linspace(0, ends[-1] - 1, count).astype(np.int64))
    run = np.searchsorted(ends, place, side="right")
    index = (windows.before[runs] - (ends - windows.count[runs]))[run] + place
    rows = windows.rows(windows.places(index)[0]).astype(np.float64)
    return rows[:, : windows.window.context], rows[:, windows.window.context :]


def training_examples(splits: WindowSplits, channel: int) -> tuple[Array, Array] | None:
    """Return examples of the training part, or of the validation part where training has none of `channel`.

    A choice among a few sizes cannot overfit them. And the validation part, which has to say later how far the
    choice is to be trusted, stays new to it.
    """
    return examples(splits.training, channel, splits.channels) or examples(splits.validation, channel, splits.channels)


def training_stretches(splits: WindowSplits, channel: int) -> list[NDArray[np.float32]]:
    """Return the stretches (T,) of all recordings that the training windows of `channel` cover."""
    training = splits.training
    runs = np.flatnonzero((training.runs.channel == channel) & (training.count > 0))
    return [training.stretch(int(r)) for r in runs]


def longest_stretch(splits: WindowSplits, channel: int) -> NDArray[np.float32]:
    """Return the longest training stretch of `channel`, (T,); an empty array if it has none."""
    return max(training_stretches(splits, channel), key=len, default=np.zeros(0, dtype=np.float32))
