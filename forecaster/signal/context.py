"""The context of a forecast: the samples before its origin, as a predictor sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.signal.covariates import Covariates
from forecaster.signal.scaling import Scaler, level_and_spread

Array = NDArray[np.float64]
Index = NDArray[np.int64]
NO_COVARIATES = Covariates()


@dataclass(frozen=True)
class Context:
    """A batch of contexts, in scaled units.

    Attributes:
        values: (B, L), the samples of the channel that is forecast.
        channel: (B,), the number of that channel.
        covariates: The columns beside it, over the same samples. The future columns have at least N more samples.
    """

    values: NDArray[Any]
    channel: Index
    covariates: Covariates = NO_COVARIATES

    @classmethod
    def stack(cls, batches: Sequence[Context]) -> Context:
        """Return several batches as one."""
        if len(batches) == 1:
            return batches[0]
        values = np.concatenate([batch.values for batch in batches])
        channel = np.concatenate([batch.channel for batch in batches])
        return cls(values, channel, Covariates.stack([batch.covariates for batch in batches]))

    def __getitem__(self, rows: Any) -> Context:
        """Return the contexts `rows`, a slice or an index."""
        return Context(self.values[rows], self.channel[rows], self.covariates[rows])

    def scaled(self, scaler: Scaler, n_targets: int) -> Context:
        """Return the contexts in scaled units; `n_targets` channels are forecast."""
        values = scaler.transform(self.values, self.channel)
        return Context(values, self.channel, self.covariates.scaled(scaler, n_targets))

    def normalised(self) -> tuple[Context, Array, Array]:
        """Return the contexts relative to their levels in units of their spreads, the levels and the spreads (B, 1).

        A context that stands still has spread 0, so that its forecast stands still, too.
        """
        level, spread = level_and_spread(self.values)
        moves = np.ptp(self.values, axis=1, keepdims=True) > 0
        return replace(self, values=(self.values - level) / spread), level, np.where(moves, spread, 0.0)

    def segments(self, window: Window) -> NDArray[np.floating]:
        """Return the contexts as a network's steps, (B, S, width).

        A step holds the channel's own segment, then those of the other targets with a mark of the own channel, then
        those of the covariates. The future covariates stand a segment ahead, so that the last step sees what they do
        over the segment that is forecast.
        """
        steps = self.values.reshape(len(self.values), window.n_step, window.n_input)
        if self.covariates.targets is not None:
            steps = with_other_targets(steps, self.covariates.targets, self.channel)
        if self.covariates.past is not None:
            steps = joined(steps, self.covariates.past)
        if self.covariates.future is not None:
            steps = joined(steps, self.covariates.future[:, window.n_input : window.n_input + window.context])
        return steps


def joined(steps: NDArray, columns: NDArray) -> NDArray:
    """Return `steps` (B, S, n) with the segments of `columns` (B, S N, X) behind them: (B, S, n + N X).

    >>> joined(np.array([[[1], [2]]]), np.array([[[10, 100], [20, 200]]])).tolist()
    [[[1, 10, 100], [2, 20, 200]]]
    """
    (batch, n_step, _), n_input = steps.shape, columns.shape[1] // steps.shape[1]
    segments = columns.reshape(batch, n_step, n_input, -1).swapaxes(2, 3).reshape(batch, n_step, -1)
    return np.concatenate((steps, segments), axis=2)


def other_channels(channels: int) -> Index:
    """Return for each of C channels the others in order, (C, C - 1).

    >>> other_channels(3).tolist()
    [[1, 2], [0, 2], [0, 1]]
    """
    place = np.arange(channels - 1)
    return place + (place >= np.arange(channels)[:, None])


def with_other_targets(steps: NDArray, targets: NDArray, channel: Index) -> NDArray:
    """Return `steps` (B, S, n) with the segments of the other `targets` (B, S N, C) behind them, and a mark.

    All channels share a network's weights. The mark tells which `channel` (B,) they work for: C columns, 1 in its own
    and 0 in the others.

    >>> with_other_targets(np.array([[[1.0]]]), np.array([[[1.0, 5.0]]]), np.array([0])).tolist()
    [[[1.0, 5.0, 1.0, 0.0]]]
    """
    count = targets.shape[2]
    columns = np.take_along_axis(targets, other_channels(count)[channel][:, None], axis=2)
    mark = np.broadcast_to(np.eye(count, dtype=targets.dtype)[channel][:, None], targets.shape)
    return joined(steps, np.concatenate((columns, mark), axis=2))
