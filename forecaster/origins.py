"""Origins: the places in a recording from which it is forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors.base import Array, Context

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Origins:
    """Places in one channel of one recording.

    `values` (T,) is the channel, whose number is `channel`; `exogenous` (T, X) the channels beside
    it, or None; `rows` (O,) the row of each first target: what stands before it is known.
    """

    values: NDArray[np.floating]
    channel: int
    rows: Index
    exogenous: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def context(self, length: int) -> Context:
        """Return copies of the `length` rows before each origin.

        >>> Origins(np.arange(9.0), 0, np.array([3, 5])).context(2).values.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        """
        seen = self.rows[:, None] + np.arange(-length, 0)
        beside = None if self.exogenous is None else self.exogenous[seen].astype(np.float64)
        return Context(self.values[seen].astype(np.float64), np.full(len(self), self.channel, dtype=np.int64), beside)

    def truth(self, horizon: int) -> Array:
        """Return copies of the `horizon` rows from each origin on, (O, H)."""
        return self.values[self.rows[:, None] + np.arange(horizon)].astype(np.float64)

    def blocks(self, size: int) -> Iterator[Origins]:
        """Yield the origins in blocks of at most `size`."""
        for begin in range(0, len(self), size):
            yield replace(self, rows=self.rows[begin : begin + size])


def contexts(origins: Sequence[Origins], length: int) -> Context:
    """Return the contexts of all `origins` as one batch."""
    found = [one.context(length) for one in origins]
    if len(found) == 1:
        return found[0]
    beside = [one.exogenous for one in found if one.exogenous is not None]
    values, channel = (np.concatenate(part) for part in zip(*((one.values, one.channel) for one in found), strict=True))
    return Context(values, channel, np.concatenate(beside) if beside else None)
