"""What is summed of a predictor while it is scored, block by block: memory grows by one number an origin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.lag_correlation import LagCorrelation
from forecaster.evaluation.metrics import Tally
from forecaster.signal.spectrum import COARSE, FINE, SHORTEST, welch_psd

Array = NDArray[np.float64]
ROUNDING = 1e-12
"""A variance below this share of the mean square is what subtracting two sums leaves of none."""


@dataclass
class Spectra:
    """Summed power spectral densities of rows (B, H): in segments of `COARSE` samples, and of `FINE`."""

    coarse: Array = field(default_factory=lambda: np.zeros(0))
    fine: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, rows: Array) -> None:
        """Add a block; nothing where the horizon is too short for a spectrum."""
        if rows.shape[1] < SHORTEST:
            return
        with np.errstate(all="ignore"):
            coarse = welch_psd(rows)[1] * len(rows)
            fine = welch_psd(rows, longest=FINE)[1] * len(rows) if rows.shape[1] > COARSE else coarse
            self.coarse = coarse + (self.coarse if self.coarse.size else 0.0)
            self.fine = fine + (self.fine if self.fine.size else 0.0)


@dataclass
class Steps:
    """Sums and squares by step (H,), about a `pivot` near the signal's level, of `count` origins."""

    pivot: float
    count: int = 0
    total: Array = field(default_factory=lambda: np.zeros(0))
    square: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, rows: Array) -> None:
        """Add a block (B, H)."""
        with np.errstate(all="ignore"):
            about = rows - self.pivot
            self.total = about.sum(axis=0) + (self.total if self.total.size else 0.0)
            self.square = np.square(about).sum(axis=0) + (self.square if self.square.size else 0.0)
        self.count += len(rows)

    def spread(self, begin: int, end: int) -> float:
        """Return the standard deviation over all origins of the steps `begin` .. `end` - 1.

        It is infinite if it overflows, and 0 where it is only rounding.
        """
        size = self.count * (end - begin)
        with np.errstate(all="ignore"):
            power = self.square[begin:end].sum() / size
            variance = power - np.square(self.total[begin:end].sum() / size)
        if not np.isfinite(variance):
            return float("inf")
        return float(np.sqrt(variance)) if variance > ROUNDING * power else 0.0


@dataclass
class Sums:
    """One predictor: its errors, its spectra, its spread by step (None where no segment is fed back), its likeness."""

    tally: Tally
    steps: Steps | None = None
    spectra: Spectra = field(default_factory=Spectra)
    likeness: LagCorrelation = field(default_factory=LagCorrelation)

    def add(self, truth: Array, forecast: Array) -> None:
        """Add a block (B, H)."""
        self.tally.add(truth, forecast)
        self.spectra.add(forecast)
        if self.steps is not None:
            self.steps.add(forecast)
