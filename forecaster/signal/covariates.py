"""Covariates: the columns beside a channel that its forecast may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.scaling import Scaler

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Covariates:
    """The columns beside a channel, over the same samples; each part is None where there is none.

    The leading axes are those of the channel: (T,) over a recording, (B, L) over a batch of contexts.

    Attributes:
        past: (..., X - F), the columns of which the past alone is known.
        future: (..., F), the columns of which the future is known too. They reach beyond the channel's last sample.
        targets: (..., C), all channels that are forecast, the channel itself among them, where each sees the others.
    """

    past: NDArray[np.floating] | None = None
    future: NDArray[np.floating] | None = None
    targets: NDArray[np.floating] | None = None

    @classmethod
    def split(
        cls, columns: NDArray[np.floating], n_future: int, targets: NDArray[np.floating] | None = None
    ) -> Covariates:
        """Return the `columns` (..., X) as covariates: of the last `n_future` of them the future is known.

        >>> Covariates.split(np.ones((5, 3)), 1).past.shape
        (5, 2)
        """
        first = columns.shape[-1] - n_future
        return cls(columns[..., :first] if first else None, columns[..., first:] if n_future else None, targets)

    @classmethod
    def stack(cls, batches: Sequence[Covariates]) -> Covariates:
        """Return several batches, all of the same columns, as one."""
        parts = zip(*((batch.past, batch.future, batch.targets) for batch in batches), strict=True)
        return cls(*(None if any(part is None for part in column) else np.concatenate(column) for column in parts))

    def __getitem__(self, rows: Any) -> Covariates:
        """Return the covariates of `rows` of a batch, a slice or an index."""
        return Covariates(*(None if part is None else part[rows] for part in (self.past, self.future, self.targets)))

    def around(self, origins: Rows, length: int, ahead: int, *, targets: bool) -> Covariates:
        """Return float64 copies of the `length` rows before each of `origins` (B,), as a batch (B, length, .).

        The future columns reach `ahead` rows farther. The other `targets` are copied only if they are asked for.
        """
        seen = origins[:, None] + np.arange(-length, 0)
        past = None if self.past is None else self.past[seen].astype(np.float64)
        seen_targets = self.targets[seen].astype(np.float64) if targets and self.targets is not None else None
        return Covariates(past, self.future_from(origins - length, length + ahead), seen_targets)

    def future_from(self, begin: Rows, count: int) -> NDArray[np.float64] | None:
        """Return copies of `count` rows of the future columns from each of `begin` (B,) on: (B, count, F), or None.

        Past its last row a column keeps its last value.
        """
        if self.future is None:
            return None
        rows = np.minimum(begin[:, None] + np.arange(count), len(self.future) - 1)
        return self.future[rows].astype(np.float64)

    def scaled(self, scaler: Scaler, n_targets: int) -> Covariates:
        """Return the covariates in scaled units; those of `scaler` follow its `n_targets` forecast channels."""
        first = n_targets if self.past is None else n_targets + self.past.shape[-1]
        spans = (slice(n_targets, first), slice(first, None), slice(0, n_targets))
        parts = zip((self.past, self.future, self.targets), spans, strict=True)
        return Covariates(
            *(None if part is None else (part - scaler.mean[span]) / scaler.scale[span] for part, span in parts)
        )
