"""One model of machines of different size and level: each window counts in units of its own spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecaster.config import Split, Window
from forecaster.forecasting.rollout import rollout
from forecaster.model import Forecaster
from forecaster.predictors.fitting import Gram
from forecaster.signal.context import Context
from forecaster.signal.scaling import differ, level_and_spread
from forecaster.signal.signal import Signal
from forecaster.signal.windows import steps_of_many
from forecaster.training.preparation import prepare, resolved
from tests.test_model import signal_of, wave

SIZES = [(1.0, 0.0), (0.02, 0.0), (300.0, 5000.0)]


def machine(size, level, rows=900, seed=0):
    return signal_of(level + size * wave(rows, seed=seed), f"size {size}")


def fitted(predictor="ridge", sizes=SIZES, **settings):
    signals = [machine(*size, seed=k) for k, size in enumerate(sizes)]
    return Forecaster.fit(signals, predictor=predictor, n_step=5, n_input=10, seed=3, **settings)


@pytest.fixture(scope="module")
def ridge():
    return fitted()


@pytest.fixture(scope="module")
def auto():
    return fitted("auto", steps=20)


def error(model, size, level, seed=9):
    """The error of the next segment on a recording that is new, in units of the machine's size."""
    (origins,) = model.origins(machine(size, level, rows=600, seed=seed), list(range(50, 590, 5)))
    return float(np.sqrt(np.square(model.forecast_from([origins], 10) - origins.y_true(10)).mean())) / size


class TestWindows:
    def test_machines_of_one_size_stay_in_one_scale(self):
        assert not fitted(sizes=[(1.0, 0.0), (1.5, 0.2)]).config.window.normalised

    def test_machines_of_different_size_or_level_do_not(self, ridge):
        assert ridge.config.window.normalised
        assert fitted(sizes=[(1.0, 0.0), (1.0, 50.0)]).config.window.normalised

    def test_a_machine_that_stands_still_counts_for_nothing(self):
        parts = [np.sin(np.arange(50.0))[:, None], np.zeros((50, 1))]
        assert not differ(parts)

    def test_a_gram_matrix_is_that_of_windows_scaled_by_their_own(self, ridge):
        signals = [machine(*size, seed=k) for k, size in enumerate(SIZES)]
        windows = prepare(signals, resolved(ridge.config, signals)).splits.training
        rows = []
        for signal in signals:
            values = signal.recordings[0].values[:630, 0]
            for t in range(630 - 59):
                level, spread = level_and_spread(values[None, t : t + 50])
                rows.append((values[t : t + 60] - level[0]) / spread[0])
        expected = np.array(rows).T @ np.array(rows)
        np.testing.assert_allclose(Gram.of(windows, 50).product, expected, rtol=1e-3, atol=0.05)

    def test_recordings_shorter_than_the_context_shorten_it_unless_it_was_chosen(self):
        split = Split(training=85, validation=15, test=0)
        assert steps_of_many([80, 900, 2000], split, Window(n_input=13)) == 6
        assert steps_of_many([80, 900, 2000], split, Window(n_input=13, n_step=25)) == 25
        assert steps_of_many([80], split, Window(n_input=13)) == 25
        assert steps_of_many([5, 900, 900], split, Window(n_input=13)) == 25
        assert steps_of_many([30, 40, 50], split, Window(n_input=13)) == 1

    def test_the_pieces_between_the_gaps_of_a_file_are_one_machine(self):
        quiet, loud = machine(0.02, 0.0).recordings[0], machine(1.0, 0.0).recordings[0]
        pieces = Signal("one", ("acc",), (quiet, loud), units=("",))
        settings = {"predictor": "ridge", "n_step": 5, "n_input": 10}
        assert not Forecaster.fit(pieces, **settings).config.window.normalised
        series = [replace(quiet, label="a"), replace(loud, label="b")]
        assert Forecaster.fit(replace(pieces, recordings=tuple(series)), **settings).config.window.normalised


class TestScores:
    def test_errors_count_in_units_of_each_contexts_spread_so_the_size_makes_no_difference(self, ridge):
        scores = [ridge.evaluate(machine(*size, rows=700, seed=5), stride=5).parts[0].scores["model"] for size in SIZES]
        for metric in ("nmse", "rmse", "mae", "mase"):
            assert scores[1][metric] == pytest.approx(scores[0][metric], rel=1e-6)
            assert scores[2][metric] == pytest.approx(scores[0][metric], rel=1e-6)

    def test_mase_is_the_mean_of_each_series(self, ridge):
        small, large = machine(0.02, 0.0, seed=5), machine(300.0, 5000.0, seed=6)
        both = Signal("both", small.channels, (small.recordings[0], large.recordings[0]), units=small.units)
        each, together = (
            [part.scores["model"]["mase"] for part in ridge.evaluate(signals, stride=5).parts]
            for signals in ([small, large], [both])
        )
        assert together == [pytest.approx(np.mean(each), rel=1e-6)]

    def test_the_verdict_says_on_how_many_series_it_is_better(self, ridge):
        series = [machine(*size, seed=k).recordings[0] for k, size in enumerate(SIZES)]
        signal = Signal("panel", ("acc",), tuple(series), units=("",))
        part = ridge.evaluate(signal, stride=5).parts[0]
        assert part.panel.series == 3
        assert 0 <= part.panel.better <= 1
        assert "% of 3 series" in part.verdict.text
        assert part.to_json()["panel"] == {"series": 3, "better_than_seasonal_naive": part.panel.better}


class TestForecasts:
    @pytest.mark.parametrize("name", ["ridge", "auto"])
    def test_each_machine_is_forecast_as_well_as_alone(self, name, request):
        model = request.getfixturevalue(name)
        alone = fitted(name if name == "ridge" else "ridge", sizes=[(1.0, 0.0)])
        errors = [error(model, *size) for size in SIZES]
        assert max(errors) < 1.15 * error(alone, 1.0, 0.0)
        assert max(errors) < 1.001 * min(errors)

    def test_a_machine_of_a_size_that_was_never_seen_is_forecast_too(self, ridge):
        assert error(ridge, 1e4, -1e5) < 1.01 * error(ridge, 1.0, 0.0)

    def test_forecast_and_bands_grow_with_the_machine(self, auto):
        small, large = (auto.forecast(machine(size, 0.0, seed=7), horizon=25)[0] for size in (0.01, 10.0))
        np.testing.assert_allclose(1000 * small.mean, large.mean, rtol=1e-6)
        np.testing.assert_allclose(1000 * np.array(small.bands[90]), np.array(large.bands[90]), rtol=1e-6)
        assert not small.warnings
        assert not large.warnings

    def test_the_bands_cover_what_they_promise_on_each_machine(self, ridge):
        for size, level in SIZES:
            evaluation = ridge.evaluate(machine(size, level, rows=2000, seed=5), stride=5)
            band = next(band for band in evaluation.parts[0].bands if band.level == 90)
            assert 0.85 < band.coverage < 0.95

    @pytest.mark.bits
    def test_saved_and_loaded_it_forecasts_the_same_bytes(self, auto, tmp_path):
        auto.save(tmp_path / "m")
        again, signal = Forecaster.load(tmp_path / "m"), machine(3.0, 1.0, seed=4)
        first, second = (model.forecast([signal], horizon=33)[0][0].mean for model in (auto, again))
        assert again.config.window.normalised
        assert first.tobytes() == second.tobytes()

    @pytest.mark.bits
    def test_a_row_has_the_same_bits_in_every_place(self, auto):
        rng = np.random.default_rng(0)
        values = rng.normal(size=(7, 50)) * 10.0 ** np.arange(-3, 4)[:, None]
        context = Context(values, np.zeros(7, dtype=np.int64))
        together = rollout(auto.predictor, context, 20)
        for row in range(7):
            assert rollout(auto.predictor, context[row : row + 1], 20).tobytes() == together[row : row + 1].tobytes()

    def test_a_context_that_stands_still_is_forecast_to_stand_still(self, ridge):
        still = signal_of(np.full(300, 7.25), "still")
        (forecast,) = ridge.forecast(still, horizon=10)
        np.testing.assert_allclose(forecast.mean, 7.25, rtol=1e-12)
        assert forecast.bands[90] is None
        assert "the spread of acc is" in forecast.warnings[0]

    def test_a_later_change_changes_no_weight(self):
        """Nothing of the test part reaches the scales of the recordings."""
        signals = [machine(*size, seed=k) for k, size in enumerate(SIZES)]
        for signal in signals:
            signal.recordings[0].values[800:] *= 7
        changed = Forecaster.fit(signals, predictor="ridge", n_step=5, n_input=10, seed=3)
        unchanged = fitted()
        assert changed.predictor.kernel.tobytes() == unchanged.predictor.kernel.tobytes()
        assert changed.quantiles.tobytes() == unchanged.quantiles.tobytes()
