"""The autoregression of each context, against Burg's method written plainly; the mean."""

import time

import numpy as np
import pytest

from forecaster import predictors
from forecaster.config import RunConfig, Window
from forecaster.errors import ModelError
from forecaster.forecasting.rollout import rollout
from forecaster.model import Forecaster
from forecaster.predictors.local_ar import ORDERS, LocalAR, burg, continued
from forecaster.predictors.naive import Mean
from forecaster.signal.context import Context
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import Runs, Windows, WindowSplits

WINDOW = Window(n_step=10, n_input=20)
RNG = np.random.default_rng(0)


def parts_of(values, window=WINDOW):
    values = values.reshape(len(values), -1)
    channels = values.shape[1]
    runs = Runs.join([values], np.zeros(channels), np.ones(channels))
    b1 = np.full(channels, int(len(values) * 0.7), dtype=np.int64)
    training = Windows.between(runs, (np.zeros_like(b1), b1), window)
    return WindowSplits(training, Windows.between(runs, (b1, np.full_like(b1, len(values))), window))


def autoregression(coefficients, count, seed=0):
    drive = np.random.default_rng(seed).normal(size=count)
    x = np.zeros(count)
    for t in range(len(coefficients), count):
        x[t] = drive[t] + sum(a * x[t - 1 - k] for k, a in enumerate(coefficients))
    return x


def plain_burg(x, order):
    """Burg's method as its definition has it: forward and backward errors, a pass an order."""
    forward, backward, a = x[1:], x[:-1], np.ones(1)
    for _ in range(order):
        k = -2 * (forward @ backward) / (forward @ forward + backward @ backward)
        a = np.append(a, 0) + k * np.append(a, 0)[::-1]
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    return -a[1:]


@pytest.mark.parametrize("order", [1, 2, 3, 8, 33, 64])
def test_it_is_burgs_method(order):
    x = RNG.normal(size=(4, 300))
    x[1:] = x[1:].cumsum(axis=1)
    x -= x.mean(axis=1, keepdims=True)
    coefficients = next(burg(x, (order,)))
    for row, a in zip(x, coefficients, strict=True):
        np.testing.assert_allclose(a, plain_burg(row, order), atol=1e-5)


def test_all_orders_come_of_one_pass():
    x = RNG.normal(size=(3, 200))
    for order, a in zip((2, 5, 9), burg(x, (2, 5, 9)), strict=True):
        np.testing.assert_array_equal(a, next(burg(x, (order,))))


@pytest.mark.parametrize("order", ORDERS)
def test_its_poles_lie_within_the_circle_even_for_pure_sines(order):
    t = np.arange(400)
    rows = np.stack([np.sin(t / 7), np.sin(t / 90) + np.sin(t), t - 199.5, RNG.normal(size=400), t % 50 - 24.5])
    for a in next(burg(rows, (order,))):
        assert np.abs(np.roots(np.append(1, -a))).max() < 1 + 1e-6


def test_what_it_is_made_of_is_found_and_continued():
    x = autoregression((1.5, -0.9), 20_000)
    np.testing.assert_allclose(next(burg(x[None, -4000:], (2,)))[0], (1.5, -0.9), atol=0.03)
    local = LocalAR.fit(parts_of(x))
    assert local.parameters.orders[0] in (2, 4)
    t = np.arange(240)
    y_hat = next(continued(3 + np.sin(t / 5)[None, :200], 40, (32,)))
    np.testing.assert_allclose(y_hat[0], 3 + np.sin(t[200:] / 5), atol=0.02)


def test_every_channel_has_an_order_of_its_own():
    values = np.stack([autoregression((0.9,), 6000), autoregression((0, 0, 0, 0, 0, 0, 0, -0.95), 6000, 1)], axis=1)
    local = LocalAR.fit(parts_of(values))
    assert local.parameters.orders[0] < 8 <= local.parameters.orders[1]
    rows = values[3000:3200].T
    y_hat = local.predict(Context(rows[[1, 0, 1]], np.array([1, 0, 1])))
    for row, c in zip(y_hat, (1, 0, 1), strict=True):
        alone = next(continued(rows[c][None], 20, (local.parameters.orders[c],)))[0]
        np.testing.assert_array_equal(row, alone)


@pytest.mark.parametrize("level", [0.0, 3.25, -1e15])
def test_a_constant_is_continued(level):
    local = LocalAR.fit(parts_of(np.full(600, 2.0)))
    y_hat = local.predict(Context(np.full((2, 200), level), np.zeros(2, dtype=np.int64)))
    assert (y_hat == level).all()


@pytest.mark.parametrize("size", [1e-150, 1e-3, 1e15])
def test_its_size_does_not_matter(size):
    x = RNG.normal(size=(3, 200)).cumsum(axis=1)
    np.testing.assert_allclose(
        next(continued(x * size, 20, (16,))), next(continued(x, 20, (16,))) * size, rtol=1e-6, atol=1e-6 * size
    )


@pytest.mark.bits
def test_a_row_has_the_same_bits_in_every_place():
    local = LocalAR.fit(parts_of(autoregression((0, 0, 0, 0, 0, 0, 0, -0.95), 4000)))
    rows = np.random.default_rng(1).normal(size=(37, 200))
    alone = local.predict(Context(rows[:1], np.zeros(1, dtype=np.int64))).tobytes()
    for batch in (2, 16, 37):
        for place in range(batch):
            moved = Context(np.roll(rows[:batch], place, axis=0), np.zeros(batch, dtype=np.int64))
            assert local.predict(moved)[place].tobytes() == alone


def test_the_closed_loop_does_not_run_away():
    local = predictors.restore("local-ar", {"orders": [64]}, {}, WINDOW)
    t = np.arange(200)
    rows = np.stack([t**2.0, np.exp(t / 10), np.where(t < 199, 0.0, 1.0), RNG.normal(size=200)])
    y_hat = rollout(local, Context(rows, np.zeros(4, dtype=np.int64)), 2000)
    assert np.isfinite(y_hat).all()
    span = np.ptp(rows, axis=1)
    assert (np.abs(y_hat - rows.mean(axis=1)[:, None]).max(axis=1) < 3 * span).all()


def test_the_shortest_contexts_are_forecast():
    for n_step in (1, 2, 3, 5):
        window = Window(n_step=n_step, n_input=1)
        local = LocalAR.fit(parts_of(RNG.normal(size=100), window))
        assert local.parameters.orders == (1,)
        assert local.specs(local.parameters, window, 1) == {}
        y_hat = local.predict(Context(RNG.normal(size=(3, n_step)), np.zeros(3, dtype=np.int64)))
        assert np.isfinite(y_hat).all()


def test_a_folder_that_does_not_fit_is_refused():
    for wrong in ([65], [0], [2, 2], []):
        with pytest.raises(ModelError, match="local-ar"):
            predictors.specs("local-ar", {"orders": wrong}, WINDOW, 1)
    with pytest.raises(ModelError, match="longer than the context"):
        predictors.specs("local-ar", {"orders": [32]}, Window(n_step=2, n_input=5), 1)


def test_a_batch_of_long_contexts_is_quick():
    rows = RNG.normal(size=(128, 2500))
    begin = time.perf_counter()
    for _ in range(5):
        next(continued(rows, 100, (32,)))
    assert (time.perf_counter() - begin) / 5 < 0.2


def test_the_mean_is_that_of_all_training_rows():
    first, second = RNG.normal(5, 1, (400, 1)), RNG.normal(-1, 2, (900, 1))

    def signal(*recordings):
        return Signal("s", ("x",), tuple(Recording(values, TimeAxis()) for values in recordings))

    model = Forecaster.fit([signal(first, second)], RunConfig(predictor="mean", window=WINDOW))
    y_hat = model.forecast([signal(first)], horizon=7)[0][0].mean
    expected = np.concatenate((first[:280], second[:630])).mean()
    np.testing.assert_allclose(y_hat, np.full(7, expected), rtol=1e-12)


def test_the_mean_is_zero_in_scaled_units():
    mean = Mean.fit(parts_of(RNG.normal(size=600)))
    assert not mean.predict(Context(np.full((3, 200), 9.0), np.zeros(3, dtype=np.int64))).any()
    assert mean.tensors() == mean.specs(mean.parameters, WINDOW, 1) == {}
