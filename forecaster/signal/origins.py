"""Origins: the places in a recording from which it is forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.signal.context import NO_COVARIATES, Array, Context, Index
from forecaster.signal.covariates import Covariates
from forecaster.signal.scaling import Scaler


@dataclass(frozen=True)
class Origins:
    """Places in one channel of one recording.

    Attributes:
        values: (T,), the channel.
        channel: The number of that channel.
        rows: (O,), the row of each first target. The rows before it are its context.
        covariates: The columns beside the channel, over the whole recording.
    """

    values: NDArray[np.floating]
    channel: int
    rows: Index
    covariates: Covariates = NO_COVARIATES

    def __len__(self) -> int:
        return len(self.rows)

    def context(self, window: Window, horizon: int = 1) -> Context:
        """Return copies of the L rows before each origin, with what `horizon` samples need of the covariates.

        >>> Origins(np.arange(9.0), 0, np.array([3, 5])).context(Window(n_step=1, n_input=2)).values.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        """
        seen = self.rows[:, None] + np.arange(-window.context, 0)
        channel = np.full(len(self), self.channel, dtype=np.int64)
        ahead = reach(horizon, window)
        covariates = self.covariates.around(self.rows, window.context, ahead, targets=window.others > 0)
        return Context(self.values[seen].astype(np.float64), channel, covariates)

    def scaled(self, scaler: Scaler, n_targets: int) -> Origins:
        """Return the same places in a scaled copy of the whole recording; `n_targets` channels are forecast."""
        values = scaler.transform(self.values[None], np.array([self.channel]))[0]
        return replace(self, values=values, covariates=self.covariates.scaled(scaler, n_targets))

    def y_true(self, horizon: int) -> Array:
        """Return copies of the targets: the `horizon` rows from each origin on, (O, H)."""
        return self.values[self.rows[:, None] + np.arange(horizon)].astype(np.float64)

    def blocks(self, size: int) -> Iterator[Origins]:
        """Yield the origins in blocks of at most `size`."""
        for begin in range(0, len(self), size):
            yield replace(self, rows=self.rows[begin : begin + size])


def spread_before(origins: Origins) -> Array:
    """Return the standard deviation of all rows before each origin, (O, 1).

    >>> spread_before(Origins(np.array([0.0, 2.0, 0.0, 2.0, 9.0]), 0, np.array([2, 4]))).ravel().tolist()
    [1.0, 1.0]
    """
    distances = origins.values[: int(origins.rows.max(initial=1))].astype(np.float64) - float(origins.values[0])
    sums, squares = (np.cumsum(values)[origins.rows - 1] / origins.rows for values in (distances, distances**2))
    return np.sqrt(np.maximum(squares - sums**2, 0.0))[:, None]


ForecastFn = Callable[[Sequence[Origins], int], Array]
"""(origins, horizon) -> forecasts (O, H)."""


def context_of(origins: Sequence[Origins], window: Window, horizon: int = 1) -> Context:
    """Return the contexts of all `origins` as one batch."""
    return Context.stack([places.context(window, horizon) for places in origins])


def reach(horizon: int, window: Window) -> int:
    """Return the samples of the segments that `horizon` samples reach into.

    >>> reach(101, Window(n_step=2, n_input=100))
    200
    """
    return -(-horizon // window.n_input) * window.n_input


def batched(origins: Sequence[Origins], size: int) -> Iterator[list[Origins]]:
    """Yield all places of `origins` in their order, up to `size` at once.

    >>> origins = [Origins(np.zeros(9), 0, np.arange(count)) for count in (1, 3, 2)]
    >>> [[len(places) for places in batch] for batch in batched(origins, 2)]
    [[1], [2], [1], [2]]
    """
    batch: list[Origins] = []
    room = size
    for block in (block for places in origins for block in places.blocks(size)):
        if len(block) > room:
            yield batch
            batch, room = [], size
        batch.append(block)
        room -= len(block)
    if batch:
        yield batch
