"""The spectrum of targets and forecasts: peaks, energies, and why any is missing."""

import numpy as np
import pytest

from forecaster.evaluation.spectra import LagCorrelationSums, LaggedTargets, SpectraSums, spectrum
from forecaster.signal import spectrum as signal_spectrum
from forecaster.signal.spectrum import COARSE, FINE, SHORTEST, welch_psd
from tests.evaluations import PERIOD, last_value, mean, noise, score_on_a_sine, sine


@pytest.mark.parametrize("horizon", [SHORTEST, COARSE, COARSE + 1, FINE])
def test_spectra_of_blocks_add_up(horizon):
    rows = np.random.default_rng(1).normal(size=(5, horizon))
    one, two = SpectraSums(), SpectraSums()
    one.add(rows)
    two.add(rows[:2])
    two.add(rows[2:])
    np.testing.assert_allclose(two.coarse, one.coarse)
    np.testing.assert_allclose(two.fine, one.fine)
    np.testing.assert_allclose(one.coarse, welch_psd(rows)[1] * 5)
    np.testing.assert_allclose(one.fine, welch_psd(rows, longest=FINE)[1] * 5)


def test_no_spectrum_below_the_shortest_horizon():
    short = SpectraSums()
    short.add(np.ones((2, SHORTEST - 1)))
    assert not short.coarse.size
    assert not short.fine.size


def spectra_of(truth, forecast, **options):
    """Compare the spectra of rows (O, H)."""
    of_truth, of_forecast = SpectraSums(), SpectraSums()
    of_truth.add(truth)
    of_forecast.add(forecast)
    model = {"model": (of_forecast, LagCorrelationSums())}
    return spectrum(of_truth, LaggedTargets(4, truth.shape[1]), model, rate_hz=options.pop("rate", None), **options)


TONE = np.sin(2 * np.pi * np.arange(64) / 6)[None] + noise(64 * 8).reshape(8, 64) * 0.01


def test_a_spectrum_too_large_for_numbers_says_so():
    found = spectra_of(TONE, TONE * 1e200)
    assert found.predictors["model"].to_json() == {"peak": None, "peak_error": None, "energy": None, "likeness": None}
    assert {found.reasons[f"model.{key}"] for key in ("peak", "peak_error", "energy")} == {
        "the values are too large for a spectrum"
    }
    assert "truth.peak" not in found.reasons
    assert found.target_energy == pytest.approx([0, 0, 0, 1, 0], abs=0.05)


def test_the_shortest_spectrum():
    rows = TONE[:, :SHORTEST]
    found = spectra_of(rows, rows)
    assert found.resolution == 1 / SHORTEST
    assert found.edges[-1] == 0.5


def test_a_constant_truth_has_no_spectrum():
    found = spectra_of(np.ones((4, 64)), TONE[:4], constant=True)
    assert found.to_json()["truth"] == {"peak": None, "energy": None}
    text = "the scored values are constant, so their spectrum is empty"
    assert found.reasons == dict.fromkeys(("truth.peak", "model.peak", "model.peak_error", "model.energy"), text) | {
        "model.likeness": "nothing was scored"
    }


def test_frequencies_are_in_hertz_where_there_is_a_rate():
    found, unit = spectra_of(TONE, TONE, rate=1000.0), spectra_of(TONE, TONE)
    assert (found.unit, unit.unit) == ("Hz", "cycles/sample")
    assert found.resolution == 1000 / 64
    assert unit.resolution == 1 / 64
    assert found.edges == [1000 * edge for edge in unit.edges]
    assert unit.edges == [0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert found.target_peak == pytest.approx(1000 / 6, abs=1)
    assert found.predictors["model"].peak_error == 0
    assert found.reasons == {"model.likeness": "nothing was scored"}


def test_a_forecast_without_a_peak_has_no_error_of_it():
    found = spectra_of(TONE, noise(64 * 8, seed=5).reshape(8, 64))
    assert found.predictors["model"].peak is found.predictors["model"].peak_error is None
    assert " of the forecasts (" in found.reasons["model.peak"]
    assert " of the truth or the forecasts (" in found.reasons["model.peak_error"]


# --- as an evaluation tells it ------------------------------------------------------------


def test_the_peak_is_told_in_hertz_and_its_error_signed():
    found = score_on_a_sine(lambda o, h: sine(o, h, period=16), horizon=400, rate=1000.0).spectrum
    assert found.unit == "Hz"
    assert found.resolution == 2.5
    assert found.target_peak == pytest.approx(50, abs=0.3)
    assert found.predictors["model"].peak == pytest.approx(62.5, abs=0.3)
    assert found.predictors["model"].peak_error == pytest.approx(12.5, abs=0.4)


def test_without_a_rate_it_is_told_in_cycles_a_sample():
    found = score_on_a_sine(sine, horizon=400).spectrum
    assert found.unit == "cycles/sample"
    assert found.target_peak == pytest.approx(1 / PERIOD, abs=1e-3)
    assert found.edges[-1] == 0.5


def test_energies_are_shares_of_the_truth():
    found = score_on_a_sine(lambda o, h: 50 + 0.5 * (sine(o, h) - 50), horizon=400, noise=0.0).spectrum
    assert sum(found.target_energy) == pytest.approx(1)
    band = int(np.searchsorted(found.edges, 1 / PERIOD)) - 1
    assert found.target_energy[band] == pytest.approx(1, abs=0.01)
    assert found.predictors["model"].energy[band] == pytest.approx(0.25, abs=0.01)


def test_what_has_no_peak_says_so():
    found = score_on_a_sine(mean, horizon=64, noise=0.3).spectrum
    assert found.predictors["model"].peak is None
    assert "forecasts" in found.reasons["model.peak"]
    assert found.predictors["model"].energy == pytest.approx([0.0] * 5)
    assert "do not change" in found.reasons["model.likeness"]


def test_a_short_horizon_has_no_spectrum_but_a_likeness():
    found = score_on_a_sine(last_value, horizon=1, stride=1).spectrum
    assert found.resolution is None
    assert found.predictors["model"].energy is None
    assert "at least 8" in found.reasons["model.peak"]
    assert found.predictors["model"].lag_correlation.lag_copy == 1


@pytest.mark.parametrize("seed", range(5))
def test_white_noise_has_no_peak(seed):
    rows = np.random.default_rng(seed).normal(size=(20, 128))
    assert signal_spectrum.peak(signal_spectrum.welch_psd(rows)[1]) is None


@pytest.mark.parametrize("length", [8, 9, 31, 100, 101, 4096])
def test_bands_lose_no_bin(length):
    density = np.random.default_rng(0).random(length // 2 + 1)
    energies = signal_spectrum.band_energies(density, length)
    assert len(energies) == len(signal_spectrum.octaves(length)) - 1
    assert energies.sum() == pytest.approx(density[1:].sum())
    assert (energies > 0).all()
