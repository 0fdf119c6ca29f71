"""The spectrum of what came and of what was forecast: peaks, the energy of bands, copies of the past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.lag_correlation import LagCorrelation, Past
from forecaster.evaluation.metrics import Score
from forecaster.evaluation.sums import Spectra, Sums
from forecaster.signal.spectrum import FINE, SHORTEST, band_energies, octaves, peak, welch_psd

Array = NDArray[np.float64]
CARRIES = 1e-3
"""A frequency bin carries power if it is within 30 dB of the strongest bin of the truth."""
FLOOR = 1e-6
"""Power below this share of the strongest bin of the truth (-60 dB) counts as this share."""
TOO_SHORT = f"a spectrum needs an origin and a horizon of at least {SHORTEST} samples"
EMPTY = "the scored values are constant, so their spectrum is empty"
LARGE = "the values are too large for a spectrum"
NO_PEAK = "no frequency stands out of the spectrum of the {} (10 dB above those around it, two periods in a segment)"


def spectrum(
    truth: Spectra, past: Past, sums: Mapping[str, Sums], *, rate_hz: float | None, constant: bool = False
) -> dict[str, Any]:
    """Compare the spectra of `sums` with that of the truth; frequencies in Hz, or cycles/sample where no rate is known.

    `peak_error` is the forecast's peak less the truth's. `energy` has the bands between `edges` (an octave
    each, the lowest down to 0), all in shares of the truth's whole energy, so that what a flat forecast
    lacks is missing. `reasons` says under NAME.key why a number is None.
    """
    length = min(FINE, past.horizon)
    step = (rate_hz or 1.0) / length
    reason = _reason(truth.fine, constant)
    own = None if reason else peak(truth.fine)
    reasons = {} if own is not None else {"truth.peak": reason or NO_PEAK.format("truth")}
    found: dict[str, Any] = {
        "unit": "Hz" if rate_hz else "cycles/sample",
        "resolution": None if past.horizon < SHORTEST else step,
        "edges": [] if past.horizon < SHORTEST else (octaves(length) * (rate_hz or 1.0) / 2).tolist(),
        "truth": {"peak": _times(own, step), "energy": _energy(truth.fine, truth.fine, length, reason)},
        "predictors": {},
    }
    for name, one in sums.items():
        row, missing = _predictor(one.spectra.fine, truth.fine, (own, step, length), reason)
        alike, why = _alike(one.likeness, past)
        found["predictors"][name] = row | alike
        reasons |= {f"{name}.{key}": text for key, text in (missing | why).items()}
    return found | {"reasons": reasons}


def _predictor(
    density: Array, truth: Array, at: tuple[float | None, float, int], reason: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return peak, error of the peak and energies of one predictor, and why any is missing."""
    own, step, length = at
    reason = reason or ("" if np.isfinite(density).all() else LARGE)
    found = None if reason else peak(density)
    apart = None if found is None or own is None else found - own
    row = {
        "peak": _times(found, step),
        "peak_error": _times(apart, step),
        "energy": _energy(density, truth, length, reason),
    }
    reasons = {} if found is not None else {"peak": reason or NO_PEAK.format("forecasts")}
    reasons |= {} if apart is not None else {"peak_error": reason or NO_PEAK.format("truth or the forecasts")}
    reasons |= {} if row["energy"] is not None else {"energy": reason or LARGE}
    return row, reasons


def _alike(likeness: LagCorrelation, past: Past) -> tuple[dict[str, Any], dict[str, str]]:
    found = likeness.found(past)
    if isinstance(found, Score):
        return {"likeness": None}, {"likeness": found.reason}
    return {"likeness": found}, {}


def _reason(density: Array, constant: bool) -> str:
    """Say why the truth has no spectrum, or ""."""
    if not density.size:
        return TOO_SHORT
    if constant:
        return EMPTY
    return "" if np.isfinite(density).all() and density.sum() > 0 else LARGE


def _energy(density: Array, truth: Array, length: int, reason: str) -> list[float] | None:
    """Return the energy of each band as a share of that of the truth."""
    if reason:
        return None
    with np.errstate(all="ignore"):
        shares = band_energies(density, length) / band_energies(truth, length).sum()
    return shares.tolist() if np.isfinite(shares).all() else None


def _times(bins: float | None, step: float) -> float | None:
    return None if bins is None else bins * step


def psd_error_db(truth: Array, forecast: Array, sample_rate_hz: float | None = None) -> Score:
    """Return the mean absolute difference of the two spectra, in dB, over the bins that carry power.

    Both are (O, H). Bins count if the truth is within 30 dB of its strongest bin there
    (`CARRIES`); a forecast below -60 dB of that bin (`FLOOR`) counts as -60 dB.

    >>> rows = np.sin(np.arange(64.0))[None]
    >>> round(psd_error_db(rows, rows * 10).value, 6)
    20.0
    """
    if truth.shape[0] == 0 or truth.shape[1] < SHORTEST:
        return density_error_db(np.zeros(0), np.zeros(0))
    return density_error_db(welch_psd(truth, sample_rate_hz)[1], welch_psd(forecast, sample_rate_hz)[1])


def density_error_db(truth: Array, forecast: Array) -> Score:
    """Compare two power spectral densities (F,) as `psd_error_db` does."""
    if truth.size == 0:
        return Score(
            None,
            f"a spectrum needs an origin and a horizon of at least {SHORTEST} samples",
        )
    top = truth.max()
    if not (np.isfinite(top) and np.isfinite(forecast).all()):
        return Score(None, "the values are too large for a spectrum")
    if top <= np.finfo(np.float64).tiny / FLOOR:
        return Score(None, "the scored values are constant, so their spectrum is empty")
    carries = truth >= CARRIES * top
    shown = np.maximum(forecast[carries], FLOOR * top)
    return Score(float(np.abs(10 * np.log10(shown / truth[carries])).mean()))
