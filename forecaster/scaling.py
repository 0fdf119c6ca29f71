"""Scaling: each channel to mean 0 and standard deviation 1 over the training part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
        """Fit on the training rows of every recording, each (T, C); two passes, so that offsets of 1e15 do no harm."""
        kept = [part for part in parts if len(part)]
        rows = sum(len(part) for part in kept)
        mean = np.asarray(sum(part.mean(axis=0) * (len(part) / rows) for part in kept))
        square = np.asarray(sum(_centred_square(part, mean) for part in kept)) / rows
        return cls(mean, _usable(np.sqrt(square), mean))

    def transform(self, values: Array, channel: NDArray[np.intp]) -> Array:
        """Scale `values` (B, ...), row b by channel ``channel[b]``."""
        shape = (-1, *[1] * (values.ndim - 1))
        return (values - self.mean[channel].reshape(shape)) / self.scale[channel].reshape(shape)

    def inverse(self, values: Array, channel: NDArray[np.intp]) -> Array:
        """Undo `transform`: the identity ``inverse(transform(x)) == x`` holds to rounding."""
        shape = (-1, *[1] * (values.ndim - 1))
        return values * self.scale[channel].reshape(shape) + self.mean[channel].reshape(shape)


def _centred_square(part: Array, mean: Array) -> Array:
    """Sum the squared distances from `mean` column by column, so that no (T, C) copy is made at once."""
    return np.array([np.sum(np.square(part[:, c] - mean[c])) for c in range(part.shape[1])])


def _usable(scale: Array, mean: Array) -> Array:
    """Replace a spread that is zero, or only rounding of a large offset, by 1."""
    rounding = np.abs(mean) * np.finfo(np.float64).eps * 4
    floor = np.maximum(rounding, np.finfo(np.float64).tiny)
    return np.where(scale > floor, scale, 1.0)
