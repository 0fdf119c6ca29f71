"""The spectrum of the targets and of the forecasts: peaks, the energy of bands, and the lag correlation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.lag_correlation import LagCorrelation, LagCorrelationSums, LaggedTargets
from forecaster.signal.spectrum import COARSE, FINE, SHORTEST, band_energies, octaves, peak, welch_psd

Array = NDArray[np.float64]
TOO_SHORT = f"a spectrum needs an origin and a horizon of at least {SHORTEST} samples"
EMPTY = "the scored values are constant, so their spectrum is empty"
LARGE = "the values are too large for a spectrum"
NO_PEAK = "no frequency stands out of the spectrum of the {} (10 dB above those around it, two periods in a segment)"


@dataclass
class SpectraSums:
    """Summed power spectral densities of rows (B, H), with segments of `COARSE` samples, and of `FINE`."""

    coarse: Array = field(default_factory=lambda: np.zeros(0))
    fine: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, rows: Array) -> None:
        """Add a block (B, H); nothing where it is empty, or the horizon too short for a spectrum."""
        if len(rows) == 0 or rows.shape[1] < SHORTEST:
            return
        with np.errstate(all="ignore"):
            coarse = welch_psd(rows)[1] * len(rows)
            fine = welch_psd(rows, longest=FINE)[1] * len(rows) if rows.shape[1] > COARSE else coarse
            self.coarse = coarse + (self.coarse if self.coarse.size else 0.0)
            self.fine = fine + (self.fine if self.fine.size else 0.0)


@dataclass(frozen=True)
class PredictorSpectrum:
    """The spectrum of one predictor's forecasts.

    `peak` and `peak_error` (the forecasts' peak less the targets') are in the spectrum's unit; `energy` has that of
    each band as a share of the targets' whole energy, so that what a flat forecast lacks is missing.
    """

    peak: float | None
    peak_error: float | None
    energy: list[float] | None
    lag_correlation: LagCorrelation | None

    def to_json(self) -> dict[str, Any]:
        """Return the spectrum as plain data."""
        return {
            "peak": self.peak,
            "peak_error": self.peak_error,
            "energy": self.energy,
            "likeness": None if self.lag_correlation is None else self.lag_correlation.to_json(),
        }


@dataclass(frozen=True)
class Spectrum:
    """The spectrum of the targets beside those of all predictors, by name.

    Frequencies are in `unit`: Hz, or cycles/sample where no rate is known. `resolution` is the distance of two bins;
    the bands between `edges` span an octave each, the lowest reaches down to 0. `reasons` says under NAME.key (NAME is
    "truth" for the targets) why a value is None.
    """

    unit: str
    resolution: float | None
    edges: list[float]
    target_peak: float | None
    target_energy: list[float] | None
    predictors: Mapping[str, PredictorSpectrum]
    reasons: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the spectrum as plain data."""
        return {
            "unit": self.unit,
            "resolution": self.resolution,
            "edges": self.edges,
            "truth": {"peak": self.target_peak, "energy": self.target_energy},
            "predictors": {name: spectrum.to_json() for name, spectrum in self.predictors.items()},
            "reasons": dict(self.reasons),
        }


def spectrum(
    targets: SpectraSums,
    lagged: LaggedTargets,
    forecasts: Mapping[str, tuple[SpectraSums, LagCorrelationSums]],
    *,
    rate_hz: float | None,
    constant: bool = False,
) -> Spectrum:
    """Compare the spectra of `forecasts`, by predictor, with that of the `targets`.

    `constant` says that the targets do not change: what is left of their spectrum then is rounding.
    """
    length = min(FINE, lagged.horizon)
    bin_width = (rate_hz or 1.0) / length
    no_spectrum = _why_none(targets.fine, constant=constant)
    target_peak = None if no_spectrum else peak(targets.fine)
    reasons = {} if target_peak is not None else {"truth.peak": no_spectrum or NO_PEAK.format("truth")}
    predictors = {}
    for name, (sums, lag_sums) in forecasts.items():
        why_none = no_spectrum or ("" if np.isfinite(sums.fine).all() else LARGE)
        forecast_peak = None if why_none else peak(sums.fine)
        peak_error = None if forecast_peak is None or target_peak is None else forecast_peak - target_peak
        energy = None if why_none else _energy(sums.fine, targets.fine, length)
        lag_correlation, why_no_lag = lag_sums.result(lagged)
        predictors[name] = PredictorSpectrum(
            None if forecast_peak is None else forecast_peak * bin_width,
            None if peak_error is None else peak_error * bin_width,
            energy,
            lag_correlation,
        )
        values = (
            ("peak", forecast_peak, why_none or NO_PEAK.format("forecasts")),
            ("peak_error", peak_error, why_none or NO_PEAK.format("truth or the forecasts")),
            ("energy", energy, why_none or LARGE),
            ("likeness", lag_correlation, why_no_lag),
        )
        reasons |= {f"{name}.{key}": reason for key, value, reason in values if value is None}
    long_enough = lagged.horizon >= SHORTEST
    return Spectrum(
        "Hz" if rate_hz else "cycles/sample",
        bin_width if long_enough else None,
        (octaves(length) * (rate_hz or 1.0) / 2).tolist() if long_enough else [],
        None if target_peak is None else target_peak * bin_width,
        None if no_spectrum else _energy(targets.fine, targets.fine, length),
        predictors,
        reasons,
    )


def _why_none(density: Array, *, constant: bool) -> str:
    """Return why the targets have no spectrum, or ""."""
    if not density.size:
        return TOO_SHORT
    if constant:
        return EMPTY
    return "" if np.isfinite(density).all() and density.sum() > 0 else LARGE


def _energy(density: Array, of_targets: Array, length: int) -> list[float] | None:
    """Return the energy of each band as a share of that of the targets, None where it is no number."""
    with np.errstate(all="ignore"):
        shares = band_energies(density, length) / band_energies(of_targets, length).sum()
    return shares.tolist() if np.isfinite(shares).all() else None
