"""The sum of sines, and the lines that it is made of."""

import time

import numpy as np
import pytest

from forecaster import predictors
from forecaster.config import Window
from forecaster.errors import ModelError
from forecaster.forecasting.rollout import rollout
from forecaster.predictors.fitting import longest_stretch, training_examples
from forecaster.predictors.harmonic import Harmonic, _solution, _waves, continued
from forecaster.signal.context import Context
from forecaster.signal.spectrum import layouts, placed
from forecaster.signal.windows import Runs, Windows, WindowSplits

WINDOW = Window(n_step=10, n_input=30)
T = np.arange(6000)


def parts_of(values, window=WINDOW):
    values = values.reshape(len(values), -1)
    channels = values.shape[1]
    runs = Runs.join([values], np.zeros(channels), np.ones(channels))
    b1, b2 = (np.full(channels, int(len(values) * share), dtype=np.int64) for share in (0.7, 0.85))
    return WindowSplits(Windows.between(runs, (np.zeros_like(b1), b1), window), Windows.between(runs, (b1, b2), window))


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(0, size, len(T))


def one(values):
    return Context(values, np.zeros(len(values), dtype=np.int64))


def test_a_line_between_the_bins_is_placed_to_a_thousandth_of_a_bin():
    for f in (0.0123456, 0.2471, 0.4321):
        x = np.hanning(len(T)) * np.cos(2 * np.pi * f * T + 1)
        assert placed(x, round(f * len(T)) / len(T), np.ones(1)) == pytest.approx(f, abs=1e-3 / len(T))


def test_a_fundamental_is_placed_better_by_all_its_harmonics():
    f = 1 / 83.4567
    x = sum(np.cos(2 * np.pi * k * f * T + k * k) for k in range(1, 9)) + noise(1)
    free, *combs = layouts(x, 300)
    assert min(abs(free[0] * k / f - 1) for k in (1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7, 1 / 8)) < 1e-3
    best = min(combs, key=lambda comb: abs(min(comb) - f))
    assert abs(min(best) / f - 1) < 2e-5
    for k in range(1, 9):
        assert min(abs(line / (k * f) - 1) for line in best) < 2e-5


def test_no_two_lines_are_nearer_than_a_context_can_tell():
    x = np.cos(2 * np.pi * 0.1 * T) + np.cos(2 * np.pi * 0.1005 * T) + np.cos(2 * np.pi * 0.2 * T) + noise(0.1)
    for lines in layouts(x, 300):
        assert len(lines) <= 16
        assert min(lines) >= 0.999 / 300
        assert max(lines) < 0.5
        assert len(lines) < 2 or np.diff(np.sort(lines)).min() > 0.999 / 300


@pytest.mark.parametrize("values", [np.zeros(5000), np.full(5000, 3.5), np.ones(3), np.zeros(0)])
def test_what_has_no_lines_has_none(values):
    assert layouts(values, 300) == []


def test_the_normal_equations_in_closed_form_are_those_of_the_waves():
    key = (0.001, 0.1234, 0.37, 0.5)
    waves = _waves(key, -300, 300)
    penalty = np.diag([0.0] + [1e-6 * 300] * 8)
    np.testing.assert_allclose(_solution(key, 300) @ (waves.T @ waves + penalty), np.eye(9), atol=1e-6)


def test_what_it_is_made_of_is_continued_from_any_phase_and_level():
    x = 5 + np.sin(2 * np.pi * 0.0123 * T + 1) + 0.5 * np.cos(2 * np.pi * 0.31 * T)
    rows = np.stack([x[k : k + 330] for k in range(0, 900, 97)])
    np.testing.assert_allclose(continued(rows[:, :300], 30, (0.0123, 0.31)), rows[:, 300:], atol=1e-4)


def test_fitted_it_continues_a_harmonic_signal_over_the_whole_closed_loop():
    clean = sum(np.cos(2 * np.pi * k * T / 83.4567 + k * k) / k for k in range(1, 5))
    harmonic = Harmonic.fit(parts_of(clean + noise(0.05)))
    starts = range(4800, 5400, 61)
    y_hat = rollout(harmonic, one(np.stack([(clean + noise(0.05))[s : s + 300] for s in starts])), 300)
    truth = np.stack([clean[s + 300 : s + 600] for s in starts])
    assert np.square(y_hat - truth).mean() < 0.01 * clean.var()


def test_the_number_of_frequencies_follows_from_validation():
    sines = sum(np.cos(2 * np.pi * f * T) for f in (0.031, 0.0777))
    assert Harmonic.fit(parts_of(sines + noise(0.2))).parameters.count == 2
    assert Harmonic.fit(parts_of(np.full(6000, 2.5))).parameters.count == 0


def test_where_the_level_wanders_it_looks_back_less_far():
    walk = np.cumsum(noise(0.3))
    assert Harmonic.fit(parts_of(walk + np.cos(2 * np.pi * T / 12))).parameters.taps[0] < 300


def test_each_channel_has_its_own_and_one_without_sines_has_the_mean():
    values = np.stack([np.cos(2 * np.pi * 0.04 * T), np.full(6000, 7.0), np.cos(2 * np.pi * 0.11 * T)], axis=1)
    harmonic = Harmonic.fit(parts_of(values))
    rows = np.stack([values[5000:5300, c] for c in (2, 1, 0, 1)])
    y_hat = harmonic.predict(Context(rows, np.array([2, 1, 0, 1])))
    truth = np.stack([values[5300:5330, c] for c in (2, 1, 0, 1)])
    np.testing.assert_allclose(y_hat, truth, atol=1e-3)
    assert (y_hat[1] == 7).all()


@pytest.mark.bits
def test_a_row_has_the_same_bits_in_every_place():
    harmonic = Harmonic.fit(parts_of(np.cos(2 * np.pi * 0.04 * T) + np.sin(0.9 * T) + noise(0.1)))
    assert harmonic.parameters.count >= 2
    rows = np.random.default_rng(1).normal(size=(19, 300))
    alone = harmonic.predict(one(rows[:1])).tobytes()
    for batch in (2, 8, 19):
        for place in range(batch):
            moved = np.roll(rows[:batch], place, axis=0)
            assert harmonic.predict(one(moved))[place].tobytes() == alone


def test_beyond_a_block_of_columns_nothing_changes():
    key = (0.0123, 0.31)
    rows = np.random.default_rng(1).normal(size=(3, 300))
    far = continued(rows, 5000, key)
    np.testing.assert_allclose(far[:, :4096], continued(rows, 4096, key), atol=1e-12)
    direct = rows - rows.mean(axis=1, keepdims=True)
    direct = direct @ _waves(key, -300, 300) @ _solution(key, 300) @ _waves(key, 4096, 904).T
    np.testing.assert_allclose(far[:, 4096:], direct + rows.mean(axis=1, keepdims=True), atol=1e-12)


def test_a_folder_that_does_not_fit_is_refused():
    def specs(count=2, taps=(300,), channels=1):
        return predictors.specs("harmonic", {"count": count, "taps": taps}, WINDOW, channels)

    assert specs()["frequencies"].shape == (1, 2)
    assert specs(count=0) == {}
    for wrong in ({"count": 17}, {"count": -1}, {"taps": (301,)}, {"taps": (0,)}, {"channels": 2}):
        with pytest.raises(ModelError, match="harmonic"):
            specs(**wrong)
    for wrong in (-0.1, 0.51, np.nan, np.inf):
        with pytest.raises(ModelError, match=r"0 to 0\.5"):
            predictors.restore("harmonic", {"count": 1, "taps": [300]}, {"frequencies": np.array([[wrong]])}, WINDOW)


def test_the_same_frequency_twice_does_no_harm():
    tensors = {"frequencies": np.array([[0.1, 0.1, 0.1 + 1e-9, 0.5, 1e-12]])}
    harmonic = predictors.restore("harmonic", {"count": 5, "taps": [300]}, tensors, WINDOW)
    x = np.cos(2 * np.pi * 0.1 * T[:330])
    np.testing.assert_allclose(harmonic.predict(one(x[None, :300]))[0], x[300:], atol=1e-2)


def test_the_fit_is_quick_on_a_long_recording():
    x = np.random.default_rng(0).normal(size=300_000)
    begin = time.perf_counter()
    Harmonic.fit(parts_of(x, Window()))
    assert time.perf_counter() - begin < 5


def test_it_finds_the_rotors_speed(shared):
    x = np.loadtxt(shared / "signals" / "rotor_acceleration.csv", delimiter=",", skiprows=1, ndmin=2)[:, -1]
    x = (x - x.mean()) / x.std()
    harmonic = Harmonic.fit(parts_of(x, Window()))
    assert np.abs(1 / harmonic.frequencies[0] - 416.498).min() < 0.05


def test_what_a_choice_is_made_by_is_of_the_channel_and_evenly_spread():
    values = np.stack([T, T + 1e6], axis=1).astype(float)
    parts = parts_of(values)
    contexts, targets = training_examples(parts, 1)
    assert len(contexts) == 256
    assert contexts.min() >= 1e6
    assert targets[0, 0] == 1e6 + 300
    assert targets[-1, -1] == 1e6 + 4199
    np.testing.assert_array_equal(targets[:, 0] - contexts[:, -1], 1)
    assert longest_stretch(parts, 1)[0] == 1e6
    assert training_examples(parts, 7) is None
