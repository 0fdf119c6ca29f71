"""What an evaluation says beyond the scores: bands, spectrum, copies of the past, the free run, the gain."""

import json

import numpy as np
import pytest

from forecaster.config import Window
from forecaster.evaluation import verdict
from forecaster.evaluation.bands import BandScore
from forecaster.evaluation.lag_correlation import LagCorrelationSums, LaggedTargets
from forecaster.evaluation.metrics import ErrorSums
from forecaster.evaluation.recursive import UsableHorizon
from forecaster.signal import spectrum
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate

WINDOW = Window(n_step=8, n_input=16)
PERIOD = 20


def part_of(model, *, rows=3000, horizon=16, rate=None, noise=0.1, beside=None, **options):
    """Score `model` on a sine, and beside it the last value, or what is given."""
    t = np.arange(rows)
    values = np.sin(2 * np.pi * t / PERIOD) + np.random.default_rng(0).normal(0, noise, rows) + 50
    signal = Signal("s", ("c",), (Recording(values[:, None], TimeAxis()),), ("g",), rate)
    forecasts = {"model": model, **(beside or {"last-value": last_value})}
    options = {"window": WINDOW, "seasonal_errors": [1.0]} | options
    result = evaluate([signal], [[0]], forecasts, horizon=horizon, **options)
    json.dumps(result.to_json(), allow_nan=False)
    return result.parts[0]


def last_value(origins, horizon):
    return np.repeat(origins.context(Window(n_step=1, n_input=1)).values, horizon, axis=1)


def sine(origins, horizon, *, period=PERIOD, fade=1.0):
    t = origins.rows[:, None] + np.arange(horizon)
    return 50 + fade ** np.arange(horizon) * np.sin(2 * np.pi * t / period)


def mean(origins, horizon):
    return np.full((len(origins), horizon), 50.0)


# --- bands --------------------------------------------------------------------------------


def gauss(level, channel, horizon):
    from statistics import NormalDist

    return np.full(horizon, 0.1 * NormalDist().inv_cdf(0.5 + level / 200)), ""


def test_coverage_of_every_level_with_its_uncertainty():
    part = part_of(sine, band=gauss, levels=(80, 95))
    assert [band.level for band in part.bands] == [80, 90, 95]
    for band in part.bands:
        assert part.scores["model"][f"coverage-{band.level}"] == band.coverage
        assert 0 < band.standard_error < 0.02
        assert band.within is True
    assert part.reasons["last-value.coverage-80"] == "bands belong to the model alone"


def test_a_band_that_is_too_narrow_is_beyond_the_uncertainty():
    part = part_of(sine, band=lambda level, channel, horizon: (np.full(horizon, 0.05), ""))
    assert part.bands[0].within is False


def test_a_band_that_is_not_there_says_why():
    part = part_of(sine, band=lambda level, channel, horizon: (None, "too few"), levels=(99,))
    nothing = dict.fromkeys(("coverage", "standard_error", "within", "separate", "likely"))
    assert part.bands[1] == BandScore(99, reason="too few")
    assert part.bands[1].to_json() == {"level": 99, **nothing, "reason": "too few"}


def test_how_many_errors_a_band_was_made_of_tells_what_it_may_cover():
    part = part_of(sine, band=gauss, sizes=[9.0], levels=(80,))
    assert [band.effective_sample_size for band in part.bands] == [9.0, 9.0]
    assert part.bands[0].likely == pytest.approx([0.518, 0.972], abs=5e-4)
    assert part.bands[1].likely == pytest.approx([0.025 ** (1 / 9), 0.975 ** (1 / 9)])
    assert part_of(sine, band=gauss, sizes=[None]).bands[0].likely is None
    (missing,) = part_of(sine, band=lambda level, channel, horizon: (None, "too few"), sizes=[9.0]).bands
    assert (missing.effective_sample_size, missing.likely) == (None, None)


def test_few_origins_have_a_coverage_and_no_uncertainty():
    (band,) = part_of(sine, rows=180, band=gauss).bands
    assert band.coverage is not None
    assert band.within is None
    assert "too few" in band.reason


# --- spectrum -----------------------------------------------------------------------------


def test_the_peak_is_told_in_hertz_and_its_error_signed():
    found = part_of(lambda o, h: sine(o, h, period=16), horizon=400, rate=1000.0).spectrum
    assert found.unit == "Hz"
    assert found.resolution == 2.5
    assert found.target_peak == pytest.approx(50, abs=0.3)
    assert found.predictors["model"].peak == pytest.approx(62.5, abs=0.3)
    assert found.predictors["model"].peak_error == pytest.approx(12.5, abs=0.4)


def test_without_a_rate_it_is_told_in_cycles_a_sample():
    found = part_of(sine, horizon=400).spectrum
    assert found.unit == "cycles/sample"
    assert found.target_peak == pytest.approx(1 / PERIOD, abs=1e-3)
    assert found.edges[-1] == 0.5


def test_energies_are_shares_of_the_truth():
    found = part_of(lambda o, h: 50 + 0.5 * (sine(o, h) - 50), horizon=400, noise=0.0).spectrum
    assert sum(found.target_energy) == pytest.approx(1)
    band = int(np.searchsorted(found.edges, 1 / PERIOD)) - 1
    assert found.target_energy[band] == pytest.approx(1, abs=0.01)
    assert found.predictors["model"].energy[band] == pytest.approx(0.25, abs=0.01)


def test_what_has_no_peak_says_so():
    found = part_of(mean, horizon=64, noise=0.3).spectrum
    assert found.predictors["model"].peak is None
    assert "forecasts" in found.reasons["model.peak"]
    assert found.predictors["model"].energy == pytest.approx([0.0] * 5)
    assert "do not change" in found.reasons["model.likeness"]


def test_a_short_horizon_has_no_spectrum_but_a_likeness():
    found = part_of(last_value, horizon=1, stride=1).spectrum
    assert found.resolution is None
    assert found.predictors["model"].energy is None
    assert "at least 8" in found.reasons["model.peak"]
    assert found.predictors["model"].lag_correlation.lag_copy == 1


@pytest.mark.parametrize("seed", range(5))
def test_white_noise_has_no_peak(seed):
    rows = np.random.default_rng(seed).normal(size=(20, 128))
    assert spectrum.peak(spectrum.welch_psd(rows)[1]) is None


@pytest.mark.parametrize("length", [8, 9, 31, 100, 101, 4096])
def test_bands_lose_no_bin(length):
    density = np.random.default_rng(0).random(length // 2 + 1)
    energies = spectrum.band_energies(density, length)
    assert len(energies) == len(spectrum.octaves(length)) - 1
    assert energies.sum() == pytest.approx(density[1:].sum())
    assert (energies > 0).all()


# --- copies of the past -------------------------------------------------------------------


def walk(rows=4000):
    return np.cumsum(np.random.default_rng(1).normal(size=rows)) + 1e6


@pytest.mark.parametrize("lag", [1, 7, 100])
def test_a_copy_of_the_past_is_named(lag):
    values, rows = walk(), np.arange(200, 3900, 11)
    past, likeness = LaggedTargets.of(150, 1, len(rows)), LagCorrelationSums()
    for block in np.array_split(rows, 7):
        chosen, transform = past.add(values, block)
        likeness.add(past, values[block[chosen], None] * 0 + values[block[chosen] - lag, None], transform)
    assert likeness.result(past)[0].lag_copy == lag


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(2)
    values, rows, horizon = walk(500), np.arange(60, 480, 3), 9
    forecast = values[rows[:, None] + np.arange(horizon)] + rng.normal(0, 3, (len(rows), horizon))
    past, likeness = LaggedTargets.of(50, horizon, len(rows)), LagCorrelationSums()
    chosen, transform = past.add(values, rows)
    likeness.add(past, forecast[chosen], transform)
    expected = [
        np.corrcoef(forecast.ravel(), values[rows[:, None] + np.arange(horizon) - lag].ravel())[0, 1]
        for lag in range(51)
    ]
    np.testing.assert_allclose(likeness.correlations(past), expected, atol=1e-9)


def test_a_forecast_as_like_the_truth_as_the_past_is_no_copy():
    found = part_of(sine).spectrum.predictors["model"].lag_correlation
    assert found.lag_copy is None
    assert found.truth > 0.98


def test_many_origins_are_thinned_evenly():
    past = LaggedTargets.of(5, 2, 10_000)
    values = walk(20_000)
    seen = [past.add(values, block)[0] for block in np.array_split(np.arange(5, 10_005), 79)]
    assert past.count == sum(map(len, seen)) == 1000
    assert past.total.shape == (7,)


# --- the free run -------------------------------------------------------------------------


def test_there_is_none_within_a_segment():
    part = part_of(sine)
    assert part.recursive is None
    assert "free_run" not in part.to_json()


def test_errors_by_segment_average_to_the_whole():
    part = part_of(sine, horizon=70, rate=100.0)
    segments = part.recursive.segments
    assert [(row.first_step, row.last_step) for row in segments][-2:] == [(49, 64), (65, 70)]
    weights = [row.last_step - row.first_step + 1 for row in segments]
    assert np.average([row.nmse for row in segments], weights=weights) == pytest.approx(part.scores["model"]["nmse"])
    assert part.recursive.usable_horizon == UsableHorizon(70, 0.7)
    assert part.verdict.text.endswith("; it can be trusted for all 70 samples (0.7 s).")


def test_the_usable_horizon_ends_where_a_baseline_is_better():
    def until(o, h):
        return np.where(np.arange(h) < 32, sine(o, h), sine(o, h) + 2)

    part = part_of(until, horizon=64, beside={"last-value": last_value, "mean": mean})
    assert part.recursive.usable_horizon == UsableHorizon(32)
    assert part.recursive.segments[2].baseline == "mean"
    assert part.recursive.segments[2].gain < 0


def test_a_model_that_is_better_is_trusted_as_far_as_its_free_run():
    def until(o, h):
        return np.where(np.arange(h) < 48, sine(o, h), sine(o, h) + 1.2)

    text = part_of(until, horizon=64, beside={"last-value": last_value, "mean": mean}).verdict.text
    assert text.startswith("Better than every baseline: ")
    assert text.endswith("; it can be trusted for 48 samples, not for all 64.")


def test_one_that_is_worse_is_not_trusted():
    text = part_of(last_value, horizon=64, beside={"mean": mean}).verdict.text
    assert text.startswith("Worse than predicting the mean")
    assert "trusted" not in text


@pytest.mark.parametrize(("fade", "loop"), [(1.0, "holds"), (0.97, "fades"), (1.04, "explodes"), (1e3, "explodes")])
def test_a_loop_fades_or_explodes(fade, loop):
    found = part_of(lambda o, h: sine(o, h, fade=fade), horizon=80).recursive
    assert found.loop == loop
    assert {"holds": "keeps", "fades": "fades", "explodes": "explodes"}[loop] in found.text


def test_memory_does_not_grow_with_the_origins():
    import tracemalloc

    peaks = []
    for stride in (8, 1):
        tracemalloc.start()
        part_of(sine, rows=12_000, horizon=64, stride=stride)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4e6


# --- the gain -----------------------------------------------------------------------------


def _tallies(model, other):
    truth = np.random.default_rng(0).normal(size=(len(model), 5))
    return {n: ErrorSums.of(truth, truth + e[:, None]) for n, e in (("model", model), ("ridge", other))}


def test_the_gain_has_its_uncertainty():
    rng = np.random.default_rng(1)
    own, theirs = np.abs(rng.normal(0.3, 0.1, 200)), np.abs(rng.normal(0.5, 0.1, 200))
    found = verdict.compare(_tallies(own, theirs), overlap=1)
    expected = np.std(theirs**2 - own**2) / np.sqrt(200) / np.mean(theirs**2)
    assert found.error == pytest.approx(expected, rel=0.25)
    assert found.skill == {"baseline": "ridge", "gain": found.gain, "standard_error": found.error}
    shown = f"{verdict.percent(found.gain)} +- {verdict.percent(2 * found.error)} less squared error"
    assert shown in found.text


def test_white_noise_makes_no_claim():
    claims = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=3000)
        signal = Signal("s", ("c",), (Recording(values[:, None], TimeAxis()),))
        slopes = rng.normal(0, 0.02, 16)

        def model(origins, horizon, slopes=slopes):
            return origins.context(Window(n_step=1, n_input=16)).values @ slopes[:, None] + np.zeros(horizon)

        forecasts = {"model": model, "mean": lambda o, h: np.zeros((len(o), h)), "last-value": last_value}
        part = evaluate([signal], [[0]], forecasts, window=WINDOW, horizon=32, seasonal_errors=[1.0]).parts[0]
        claims += part.verdict.kind == "better"
    assert claims <= 1
