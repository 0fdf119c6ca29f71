"""Origins: the places in a recording from which it is forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.context import Array, Context

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Origins:
    """Places in one channel of one recording.

    `values` (T,) is the channel, whose number is `channel`; `rows` (O,) the row of each first target:
    what stands before it is known. The X channels beside it, or None: `exogenous` (T, .) those of
    which the past alone is known, `known` (T + F, .) those of which the future is. `targets` (T, C) has all
    channels that are forecast, the own one among them.
    """

    values: NDArray[np.floating]
    channel: int
    rows: Index
    exogenous: NDArray[np.floating] | None = None
    known: NDArray[np.floating] | None = None
    targets: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def context(self, length: int, ahead: int = 0, *, joint: bool = False) -> Context:
        """Return copies of the `length` rows before each origin, and of `ahead` more of the known channels.

        Past its last row a known channel keeps its last value. `joint` copies the other channels too.

        >>> Origins(np.arange(9.0), 0, np.array([3, 5])).context(2).values.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        """
        seen, channel = self.rows[:, None] + np.arange(-length, 0), np.full(len(self), self.channel, dtype=np.int64)
        beside = None if self.exogenous is None else self.exogenous[seen].astype(np.float64)
        known = self.planned(self.rows - length, length + ahead)
        targets = self.targets[seen].astype(np.float64) if joint and self.targets is not None else None
        return Context(self.values[seen].astype(np.float64), channel, beside, known, targets)

    def siblings(self) -> list[Origins]:
        """Return the same places in each of the recording's channels."""
        if self.targets is None:
            return [self]
        return [replace(self, values=self.targets[:, c], channel=c) for c in range(self.targets.shape[1])]

    def planned(self, begin: Index, count: int) -> Array | None:
        """Return copies of `count` rows of the known channels from each of `begin` (B,) on, (B, count, .), or None."""
        if self.known is None:
            return None
        rows = np.minimum(begin[:, None] + np.arange(count), len(self.known) - 1)
        return self.known[rows].astype(np.float64)

    def truth(self, horizon: int) -> Array:
        """Return copies of the `horizon` rows from each origin on, (O, H)."""
        return self.values[self.rows[:, None] + np.arange(horizon)].astype(np.float64)

    def blocks(self, size: int) -> Iterator[Origins]:
        """Yield the origins in blocks of at most `size`."""
        for begin in range(0, len(self), size):
            yield replace(self, rows=self.rows[begin : begin + size])


def gathered(origins: Sequence[Origins], most: int) -> Iterator[list[Origins]]:
    """Yield all places of `origins` in their order, up to `most` at once.

    >>> some = [Origins(np.zeros(9), 0, np.arange(count)) for count in (1, 3, 2)]
    >>> [[len(one) for one in batch] for batch in gathered(some, 2)]
    [[1], [2], [1], [2]]
    """
    batch: list[Origins] = []
    room = most
    for block in (block for one in origins for block in one.blocks(most)):
        if len(block) > room:
            yield batch
            batch, room = [], most
        batch.append(block)
        room -= len(block)
    if batch:
        yield batch


def split(beside: NDArray, known: int) -> tuple[NDArray | None, NDArray | None]:
    """Part the channels that stand beside another (T, X) into the exogenous and the last `known`, None where none is.

    >>> split(np.ones((5, 3)), 0)[1] is None
    True
    """
    first = beside.shape[-1] - known
    return (beside[..., :first] if first else None), (beside[..., first:] if known else None)


def contexts(origins: Sequence[Origins], length: int, ahead: int = 0, *, joint: bool = False) -> Context:
    """Return the contexts of all `origins` as one batch."""
    found = [one.context(length, ahead, joint=joint) for one in origins]
    if len(found) == 1:
        return found[0]
    exogenous = [one.exogenous for one in found if one.exogenous is not None]
    known = [one.known for one in found if one.known is not None]
    targets = [one.targets for one in found if one.targets is not None]
    values, channel = (np.concatenate(part) for part in zip(*((one.values, one.channel) for one in found), strict=True))
    return Context(values, channel, *(np.concatenate(part) if part else None for part in (exogenous, known, targets)))
