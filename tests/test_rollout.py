import numpy as np
import pytest

from forecaster import predictors
from forecaster.config import Window
from forecaster.forecasting.rollout import ROWS, rollout, stateful_rollout
from forecaster.networks import network
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins
from tests.kernels import KERNELS, printed

WINDOW = Window(n_step=5, n_input=20)


def flagship(window=WINDOW, name="stacked-lstm", seed=0):
    rng, module = np.random.default_rng(seed), network(name)
    shapes = module.tensor_shapes(module.Parameters(), window)
    tensors = {key: rng.normal(0, 0.15, shape).astype(np.float32) for key, shape in shapes.items()}
    return predictors.restore(name, {}, tensors, window)


@pytest.mark.parametrize("horizon", [1, 19, 20, 21, 70])
def test_the_closed_loop_feeds_its_own_predictions_back(horizon):
    predictor, channel = flagship(), np.zeros(3, dtype=np.int64)
    context = np.random.default_rng(0).normal(size=(3, WINDOW.context))
    series = context
    while series.shape[1] < WINDOW.context + horizon:
        series = np.concatenate((series, predictor.predict(Context(series[:, -WINDOW.context :], channel))), axis=1)
    expected = series[:, WINDOW.context : WINDOW.context + horizon]
    np.testing.assert_array_equal(rollout(predictor, Context(context, channel), horizon), expected)


def test_the_recording_after_the_origin_does_not_move_the_forecast_by_a_bit():
    predictor, channel = flagship(), np.zeros(1, dtype=np.int64)
    recording = np.random.default_rng(0).normal(size=500)
    forecast = rollout(predictor, Context(recording[None, 300 : 300 + WINDOW.context], channel), 60)
    recording[300 + WINDOW.context :] = 1e6
    again = rollout(predictor, Context(recording[None, 300 : 300 + WINDOW.context], channel), 60)
    assert forecast.tobytes() == again.tobytes()
    reread = [recording[None, 300 + k : 300 + k + WINDOW.context] for k in (0, 20, 40)]
    teacher = np.concatenate([predictor.predict(Context(window, channel)) for window in reread], axis=1)
    assert not np.allclose(teacher, forecast)


POSITIONS = """
import numpy as np
from forecaster import predictors
from forecaster.signal.context import Context
from forecaster.config import Window
from forecaster.forecasting.rollout import rollout
from tests.test_rollout import flagship
window = Window(n_step=6, n_input=100)
context = np.random.default_rng(0).normal(size=(40, window.context))
ridge = predictors.restore("ridge", {"alpha": 1, "taps": 600, "low": -9, "high": 9},
    {"kernel": np.random.default_rng(1).normal(0, .02, (600, 100)).astype("f4"), "bias": np.zeros(100, "f4")}, window)
for predictor in (flagship(window), flagship(window, "textbook-lstm"), ridge):
    alone = rollout(predictor, Context(context[:1], np.zeros(1, int)), 150).tobytes()
    for place in range(len(context)):
        moved = np.roll(context, place, axis=0)
        found = rollout(predictor, Context(moved, np.zeros(len(moved), int)), 150)[place].tobytes()
        assert found == alone, (predictor.name, place)
print("same")
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_row_has_the_same_bits_in_every_place_with_every_kernel(kernel):
    assert printed(POSITIONS, kernel) == "same"


@pytest.mark.bits
def test_a_row_has_the_same_bits_among_many(tmp_path):
    predictor = flagship()
    context = np.random.default_rng(0).normal(size=(ROWS + 30, WINDOW.context))
    channel = np.zeros(len(context), dtype=np.int64)
    together = rollout(predictor, Context(context, channel), 45)
    for row in (0, 7, ROWS - 1, ROWS, ROWS + 29):
        assert rollout(predictor, Context(context[row : row + 1], channel[:1]), 45).tobytes() == together[row].tobytes()


class TestCarried:
    """The state carried over a whole recording, in place of re-reading the window."""

    @pytest.fixture
    def predictor(self):
        return flagship(name="state-space")

    def test_at_the_first_window_it_is_the_window(self, predictor):
        values = np.random.default_rng(0).normal(size=WINDOW.context)
        origins = Origins(values, 0, np.array([WINDOW.context]))
        double = predictors.restore(
            "state-space", {}, {k: v.astype(np.float64) for k, v in predictor.weights.items()}, WINDOW
        )
        again = rollout(double, origins.context(WINDOW), 20)
        np.testing.assert_allclose(stateful_rollout(double, origins, 20), again, atol=1e-12)

    def test_it_is_the_state_after_every_segment_from_the_start(self, predictor):
        values = np.random.default_rng(1).normal(size=333)
        state, segment = predictor.start(1), np.empty(0)
        for begin in range(13, 333, 20):
            state, segment = predictor.advance(state, values[None, begin : begin + 20])
        expected = [segment]
        for _ in range(2):
            state, segment = predictor.advance(state, expected[-1])
            expected.append(segment)
        found = stateful_rollout(predictor, Origins(values, 0, np.array([333])), 60)
        np.testing.assert_array_equal(found, np.concatenate(expected, axis=1))

    def test_it_remembers_more_than_a_window(self, predictor):
        strong = predictors.restore("state-space", {}, {k: v * 1.5 for k, v in predictor.weights.items()}, WINDOW)
        values = np.random.default_rng(2).normal(size=200)
        changed = np.concatenate((values[:80] + 1, values[80:]))
        first, second = (stateful_rollout(strong, Origins(one, 0, np.array([200])), 20) for one in (values, changed))
        assert not np.array_equal(first, second)

    @pytest.mark.bits
    def test_an_origin_has_the_same_bits_alone_and_among_others(self, predictor):
        values = np.random.default_rng(3).normal(size=400)
        rows = np.arange(100, 400, 7)
        together = stateful_rollout(predictor, Origins(values, 0, rows), 50)
        for place in (0, 20, len(rows) - 1):
            alone = stateful_rollout(predictor, Origins(values, 0, rows[place : place + 1]), 50)
            assert alone.tobytes() == together[place].tobytes()

    def test_what_was_recorded_after_the_origin_does_not_matter(self, predictor):
        values = np.random.default_rng(4).normal(size=400)
        changed = values.copy()
        changed[211:] = 1e6
        rows = np.array([150, 211])
        first, second = (stateful_rollout(predictor, Origins(v, 0, rows), 50) for v in (values, changed))
        assert first.tobytes() == second.tobytes()


@pytest.mark.bits
def test_large_windows_advance_by_smaller_blocks_to_the_same_bits(monkeypatch):
    predictor, channel = flagship(), np.zeros(30, dtype=np.int64)
    context = Context(np.random.default_rng(5).normal(size=(30, WINDOW.context)), channel)
    together = rollout(predictor, context, 30)
    monkeypatch.setattr("forecaster.forecasting.rollout.VALUES", 3 * WINDOW.context)
    assert rollout(predictor, context, 30).tobytes() == together.tobytes()
