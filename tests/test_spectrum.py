"""What repeats: known periods, known lags, noise that has none, spectra against scipy."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.evaluation import metrics
from forecaster.signal import spectrum

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _sine(period, rows=4000, noise=0.0):
    wave = np.sin(np.arange(rows) * 2 * np.pi / period)
    return wave + np.random.default_rng(0).normal(0, noise, rows) if noise else wave


def _column(name, column):
    path = SHARED / "signals" / name
    if not path.exists():
        pytest.skip("the recorded signals are not here")
    pandas = pytest.importorskip("pandas")
    values = pandas.read_csv(path)[column].to_numpy(dtype=float)
    return values[: int(len(values) * 0.7)]


@given(period=st.floats(5, 400), level=st.sampled_from([0.0, -7.0, 1e6]))
@settings(deadline=None, max_examples=40)
def test_the_period_of_a_sine_is_found(period, level):
    wave = _sine(period, noise=0.1) + level + 1e-4 * np.arange(4000)
    assert spectrum.dominant_period(wave) == pytest.approx(period, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_drift_have_no_period(seed):
    noise = np.random.default_rng(seed).normal(size=20_000)
    assert spectrum.dominant_period(noise) is None
    assert spectrum.dominant_period(np.arange(1000.0)) is None


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 15, 100])
def test_short_and_constant_signals_have_neither_period_nor_lag(rows):
    values = np.full(rows, 0.1)
    assert spectrum.dominant_period(values) is None
    assert spectrum.best_lag(values, 50) is None


def test_autocorrelation_is_what_it_says():
    x = np.random.default_rng(1).normal(2, 3, 300)
    expected = [1 - np.mean((x[k:] - x[: 300 - k]) ** 2) / (2 * x.var()) for k in range(40)]
    np.testing.assert_allclose(spectrum.autocorrelation(x, 39), expected, atol=1e-12)
    assert len(spectrum.autocorrelation(x, 1000)) == 300


@pytest.mark.parametrize("period", [7, 50, 333])
def test_best_lag_of_a_whole_period(period):
    assert spectrum.best_lag(_sine(period), 1500) == period
    assert spectrum.best_lag(_sine(period, noise=0.05), period + period // 2) == period


def test_lags_are_looked_for_in_the_last_million_samples():
    values = np.concatenate((np.sin(np.arange(400_000) * 2 * np.pi / 50), np.zeros(300_000)))
    assert spectrum.best_lag(values, 200) == 50
    assert spectrum.best_lag(np.concatenate((values, np.zeros(1 << 20))), 200) is None


def test_best_lag_takes_two_turns_where_one_falls_between_samples():
    assert spectrum.best_lag(_sine(20.5, rows=8000), 60) == 41


def test_a_longer_horizon_prefers_a_lag_that_stays_in_step():
    wave = _sine(10.4, rows=8000)
    assert spectrum.best_lag(wave, 12) == 10
    assert spectrum.best_lag(wave, 100, horizon=100) == 52


@pytest.mark.parametrize(
    ("name", "column", "max_lag", "expected"),
    [
        ("rotor_acceleration.csv", "acceleration", 2500, 833),
        ("cwru_normal_0hp_97.csv", "DE", 2500, 11),
        ("nab_nyc_taxi_30min.csv", "value", 1500, 336),
        ("ETTh1.csv", "HUFL", 2500, 24),
    ],
)
def test_recorded_signals_have_the_lags_they_are_known_for(name, column, max_lag, expected):
    assert spectrum.best_lag(_column(name, column), max_lag) == expected


def test_recorded_rotor_turns_every_416_samples():
    period = spectrum.dominant_period(_column("rotor_acceleration.csv", "acceleration"))
    assert min(abs(period - 416.24), abs(period - 208.12)) < 0.3


def test_ten_million_samples_take_a_moment():
    values = np.sin(np.arange(10_000_000) * 0.1)
    begin = time.perf_counter()
    assert spectrum.best_lag(values, 2500) is not None
    assert time.perf_counter() - begin < 5


def test_psd_error_of_a_scaled_forecast_is_its_gain_in_db():
    rows = np.random.default_rng(2).normal(size=(9, 128))
    assert metrics.scores(rows, rows)["psd_error_db"].value == 0
    assert metrics.scores(rows, rows / 10)["psd_error_db"].value == pytest.approx(20)


def test_psd_error_of_a_flat_forecast_is_held_by_the_floor():
    rows = _sine(16, rows=128)[None]
    error = metrics.scores(rows, np.zeros_like(rows))["psd_error_db"].value
    assert 30 <= error <= 60


def test_psd_error_without_power_or_room_says_why():
    flat = np.ones((3, 64))
    assert "constant" in metrics.scores(flat, flat)["psd_error_db"].reason
    assert "at least 8" in metrics.scores(np.zeros((3, 4)), np.zeros((3, 4)))["psd_error_db"].reason
    assert metrics.scores(np.zeros((0, 64)), np.zeros((0, 64)))["psd_error_db"].value is None


def test_welch_keeps_the_power():
    rows = np.random.default_rng(3).normal(0, 2, (40, 512))
    frequency, density = spectrum.welch_psd(rows, 1000.0)
    assert frequency[-1] == 500
    assert np.trapezoid(density, frequency) == pytest.approx(4, rel=0.1)
