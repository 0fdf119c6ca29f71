"""The spectrum of the targets and of the forecasts: peaks, the energy of bands, and the lag correlation.

Lag correlation: does a forecast resemble what came, or what had been before? A copy of the past is named.

The forecast of step h is correlated with the signal k samples before its target, pooled over origins and steps:
lag k = 0 is the target itself, larger lags are what was known, or nearly known, when the forecast was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


Complex = NDArray[np.complex128]

# At most so many lags and origins (evenly spread) are looked at: the effort of a long evaluation stays bounded.
MAX_LAGS = 1 << 14
MAX_ORIGINS = 1024
# A copy correlates with the past at least this much ...
COPY = 0.9
# ... and misses less than a fourth of what its correlation with the target misses to 1.
CLEARLY = 4
# Correlations nearer than this are equal, and the shortest lag wins.
EQUAL = 1e-6


@dataclass(frozen=True)
class LagCorrelation:
    """The `lag` at which the forecasts resemble the past most, in samples.

    `past` is the correlation there, `target` that with the target; `lag_copy` is the lag if the forecasts are a copy.
    """

    lag: int
    past: float
    target: float
    lag_copy: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {"lag": self.lag, "past": self.past, "truth": self.target, "lag_copy": self.lag_copy}


@dataclass
class LaggedTargets:
    """The signal from K samples before each origin to its last target, summed over the origins looked at.

    `lags` is K; one of `every` origins is looked at. `total` and `square` (K + H,) are sums over origins by place,
    about `pivot`; `count` is the number of origins looked at, `seen` that of all.
    """

    lags: int
    horizon: int
    every: int = 1
    seen: int = 0
    count: int = 0
    pivot: float | None = None
    total: Array = field(default_factory=lambda: np.zeros(0))
    square: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, context: int, horizon: int, origins: int) -> LaggedTargets:
        """Return empty sums that look back on at most the `context`, from some of `origins`."""
        return cls(min(context, MAX_LAGS), horizon, max(1, -(-origins // MAX_ORIGINS)))

    @property
    def size(self) -> int:
        """The length of the transforms: no lag that is needed wraps around."""
        from scipy.fft import next_fast_len

        return int(next_fast_len(self.lags + self.horizon, real=True))

    def add(self, values: NDArray[np.floating], rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], Complex]:
        """Add a block of origins whose first targets are `rows` (B,) of a channel `values` (T,).

        Returns the places in the block of the origins looked at, and the transform of their surroundings, a row each.
        """
        places = np.flatnonzero((self.seen + np.arange(len(rows))) % self.every == 0)
        self.seen += len(rows)
        around = values[rows[places, None] + np.arange(-self.lags, self.horizon)].astype(np.float64)
        # Without a pivot near the signal's level its offset would use up the digits of the squares.
        if self.pivot is None and around.size:
            self.pivot = float(around.mean())
        with np.errstate(all="ignore"):
            around -= self.pivot or 0.0
            self.total = around.sum(axis=0) + (self.total if self.total.size else 0.0)
            self.square = np.square(around).sum(axis=0) + (self.square if self.square.size else 0.0)
            self.count += len(places)
            return places, np.fft.rfft(around, self.size)


@dataclass
class LagCorrelationSums:
    """What is summed of one predictor's forecasts for its correlation with the signal at every lag."""

    cross: Complex = field(default_factory=lambda: np.zeros(0, complex))
    total: float = 0.0
    square: float = 0.0

    def add(self, lagged: LaggedTargets, y_hat: Array, transform: Complex) -> None:
        """Add the forecasts (B, H) of origins whose surroundings have the `transform` (B, .)."""
        with np.errstate(all="ignore"):
            centred = y_hat - (lagged.pivot or 0.0)
            cross = np.einsum("bf,bf->f", np.conj(np.fft.rfft(centred, lagged.size)), transform)
            self.cross = cross + (self.cross if self.cross.size else 0.0)
            self.total += float(centred.sum())
            self.square += float(np.square(centred).sum())

    def correlations(self, lagged: LaggedTargets) -> Array:
        """Return the correlation at the lags 0 to K, (K + 1,), NaN where forecast or signal does not change."""
        with np.errstate(all="ignore"):
            products = np.fft.irfft(self.cross, lagged.size)[lagged.lags :: -1]
            # The targets at lag k are the H places that begin k before those of lag 0: differences of running sums.
            total_until, square_until = (
                np.concatenate(([0.0], np.cumsum(sums))) for sums in (lagged.total, lagged.square)
            )
            begin = np.arange(lagged.lags, -1, -1)
            total, square = (until[begin + lagged.horizon] - until[begin] for until in (total_until, square_until))
            n = lagged.count * lagged.horizon
            variance = _variance(self.total / n, self.square / n)
            correlations: Array = (products / n - self.total / n * total / n) / np.sqrt(
                variance * _variance(total / n, square / n)
            )
        return np.where(np.isfinite(correlations), np.clip(correlations, -1, 1), np.nan)

    def result(self, lagged: LaggedTargets) -> tuple[LagCorrelation | None, str]:
        """Return the lag of the highest correlation with the past, or None and the reason why there is none."""
        if not lagged.count:
            return None, "nothing was scored"
        correlations = self.correlations(lagged)
        with_target, with_past = float(correlations[0]), correlations[1:]
        if np.isnan(with_target) or np.isnan(with_past).all():
            return None, "the forecasts or the scored values do not change"
        lag = int(np.argmax(with_past >= np.nanmax(with_past) - EQUAL)) + 1
        highest = float(correlations[lag])
        copied = highest >= COPY and (1 - highest) * CLEARLY < 1 - with_target - EQUAL
        return LagCorrelation(lag, highest, with_target, lag if copied else None), ""


def _variance(mean: Any, mean_square: Any) -> Any:
    """Return the variance, NaN where it is only rounding."""
    variance = mean_square - np.square(mean)
    return np.where(variance > 1e-12 * mean_square, variance, np.nan)
