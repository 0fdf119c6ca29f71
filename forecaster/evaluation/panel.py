"""A panel: many series of one channel, of different size, each of which counts alike.

An error in the unit of the channel says most of the largest machine. So errors count in units of the spread of the
context. MASE is that of each series, by the error of repeating its own last period before the part that is scored; the
score is the mean over all series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.origins import Origins

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """How a model does over many `series`; `better` is the share that it forecasts better than seasonal-naive."""

    series: int
    better: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"series": self.series, "better_than_seasonal_naive": self.better}

    @classmethod
    def of(cls, model: SeriesErrors, seasonal_naive: SeriesErrors) -> Panel | None:
        """Return the comparison of the errors of both; None for a single series, or if the baseline was not scored."""
        errors, baseline_errors = model.means(), seasonal_naive.means()
        if len(errors) < 2 or errors.keys() != baseline_errors.keys():
            return None
        return cls(len(errors), float(np.mean([errors[series] < baseline_errors[series] for series in errors])))


@dataclass
class SeriesErrors:
    """The summed absolute errors of one predictor, and their count, by the number of the series."""

    sums: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, series: int, y_true: Array, y_hat: Array) -> None:
        """Add a block of origins (B, H) of a series."""
        total, count = self.sums.get(series, (0.0, 0))
        self.sums[series] = total + float(np.abs(y_hat - y_true).sum()), count + y_true.size

    def means(self) -> dict[int, float]:
        """Return the mean absolute error of each series."""
        return {series: total / count for series, (total, count) in self.sums.items()}

    def scaled(self, seasonal_errors: Mapping[int, float]) -> Array:
        """Return the MASE of each series whose seasonal-naive error is not 0."""
        means = self.means()
        return np.array([means[series] / error for series, error in seasonal_errors.items() if error > 0])


def seasonal_error(block: Origins, lag: int) -> float:
    """Return the mean absolute error of repeating the last `lag` samples before the first origin; 0 without any."""
    before = block.values[: block.rows[0]].astype(np.float64)
    return float(np.abs(before[lag:] - before[:-lag]).mean()) if len(before) > lag else 0.0
