"""Scaling: each channel to mean 0 and standard deviation 1 over the training part, or each window by its own.

Recordings of machines of different size have no scale in common. A model of them takes each window relative to its own
mean, and in units of its own standard deviation.

Source: Kim et al., "Reversible Instance Normalization" (2022), for the scaling by window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import SignalError

Array = NDArray[np.float64]
LARGEST = 1e150
"""Values up to this size can be squared and summed in double precision."""
FARTHEST = 1e15
"""Scaled values up to this size can be squared and summed in single precision."""
DIFFERENT_SPREAD, DIFFERENT_LEVEL = 3.0, 6.0
"""By how many times the spreads of recordings differ that have no scale in common, and by how many their levels."""


@dataclass(frozen=True)
class Scaler:
    """Per channel ``(x - mean) / scale``; `mean` (C,) in the channel's unit, `scale` (C,) > 0.

    A channel without spread keeps scale 1, so that it maps to zeros and back.

    >>> scaler = Scaler.fit([np.array([[0.0], [2.0]])])
    >>> scaler.transform(np.array([[4.0]]), np.array([0])).tolist()
    [[3.0]]
    """

    mean: Array
    scale: Array

    @classmethod
    def fit(cls, parts: Iterable[Array]) -> Scaler:
        """Return the scaler of the training rows of all recordings, each (T, C).

        It takes two passes over the rows, so that offsets of 1e15 do no harm.
        """
        kept = [part for part in parts if len(part)]
        rows = sum(len(part) for part in kept)
        mean = np.asarray(sum(part.mean(axis=0) * (len(part) / rows) for part in kept))
        # Column by column, so that no (T, C) copy is made at once.
        squares = ([np.sum(np.square(part[:, c] - mean[c])) for c in range(part.shape[1])] for part in kept)
        spread = np.sqrt(np.asarray(sum(map(np.array, squares))) / rows)
        # A spread of this size is zero, or only the rounding of a large offset.
        smallest = np.maximum(np.abs(mean) * np.finfo(np.float64).eps * 4, np.finfo(np.float64).tiny)
        return cls(mean, np.where(spread > smallest, spread, 1.0))

    @classmethod
    def identity(cls) -> Scaler:
        """Return the scaler that leaves one channel as it is."""
        return cls(np.zeros(1), np.ones(1))

    def check(self, values: Array, channels: Sequence[str], path: str) -> None:
        """Raise SignalError if one of `values` (T, C) is too far from the training part to be computed with."""
        expected = f"values within {FARTHEST:g} standard deviations of the training part"
        limit = np.minimum(FARTHEST * np.minimum(self.scale, LARGEST) + np.abs(self.mean), LARGEST)
        _refuse(values, limit, channels, path=path, expected=expected)

    def transform(self, values: NDArray[np.floating], channel: NDArray[np.intp]) -> Array:
        """Return `values` (B, ...) in scaled units; row b is one of channel ``channel[b]``."""
        shape = (-1, *[1] * (values.ndim - 1))
        return (values - self.mean[channel].reshape(shape)) / self.scale[channel].reshape(shape)

    def inverse(self, values: Array, channel: NDArray[np.intp]) -> Array:
        """Return scaled `values` (B, ...) in the channels' units: ``inverse(transform(x))`` is x up to rounding."""
        shape = (-1, *[1] * (values.ndim - 1))
        return values * self.scale[channel].reshape(shape) + self.mean[channel].reshape(shape)


def level_and_spread(contexts: NDArray[np.floating], least: float | Array = 0.0) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each of `contexts` (B, L), both (B, 1).

    A deviation below `least`, one number or (B, 1), counts as `least`. One that is 0 or only the rounding of the mean
    counts as 1.

    >>> level, spread = level_and_spread(np.array([[1.0, 3.0], [5.0, 5.0]]))
    >>> level.ravel().tolist(), spread.ravel().tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    contexts = np.ascontiguousarray(contexts, dtype=np.float64)
    level, spread = contexts.mean(axis=1, keepdims=True), contexts.std(axis=1, keepdims=True)
    spread = np.maximum(spread, least)
    smallest = np.maximum(np.abs(level) * np.finfo(np.float64).eps * 4, np.finfo(np.float64).tiny)
    return level, np.where(spread > smallest, spread, 1.0)


def differ(parts: Sequence[Array]) -> bool:
    """Return whether the training `parts` (T, C) of recordings differ so much that no scale suits all of them.

    The deviations of a channel differ by more than `DIFFERENT_SPREAD` times, or its means by more than
    `DIFFERENT_LEVEL` deviations. A part without spread is not counted.

    >>> machine = np.sin(np.arange(50.0))[:, None]
    >>> differ([machine, 2 * machine]), differ([machine, 10 * machine]), differ([machine, machine + 40])
    (False, True, True)
    """
    if len(parts) < 2:
        return False
    means, spreads = (np.array([statistic(part, axis=0) for part in parts]) for statistic in (np.mean, np.std))
    for mean, spread in zip(means.T, spreads.T, strict=True):
        varies = spread > np.abs(mean) * np.finfo(np.float64).eps * 4
        if varies.any() and (
            spread[varies].max() > DIFFERENT_SPREAD * spread[varies].min()
            or np.ptp(mean[varies]) > DIFFERENT_LEVEL * np.median(spread[varies])
        ):
            return True
    return False


def check_size(values: Array, channels: Sequence[str], path: str) -> None:
    """Raise SignalError if one of `values` (T, C) is too large to be squared."""
    limit = np.full(len(channels), LARGEST)
    _refuse(values, limit, channels, path=path, expected=f"values up to {LARGEST:g} in size")


def _refuse(values: Array, limit: Array, channels: Sequence[str], *, path: str, expected: str) -> None:
    """Raise SignalError for the first channel of `values` (T, C) that holds one larger than its `limit` (C,)."""
    if not len(values):
        return
    extremes = np.stack((values.min(axis=0), values.max(axis=0)))
    beyond = np.abs(extremes) > limit
    for c in np.flatnonzero(beyond.any(axis=0))[:1]:
        problem = f"a value of {extremes[int(beyond[1, c]), c]:g}"
        hint = "If it stands for a missing value, name it with --na and choose --missing split."
        raise SignalError(problem, path=path, column=channels[c], expected=expected, hint=hint)
