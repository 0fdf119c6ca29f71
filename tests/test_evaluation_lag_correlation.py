"""Lag correlation: a copy of the past is named, and nothing else is."""

import numpy as np
import pytest

from forecaster.evaluation.spectra import MAX_LAGS, LagCorrelationSums, LaggedTargets
from tests.evaluations import noise, score_on_a_sine, sine


def test_at_most_so_many_lags_and_origins_are_looked_at():
    assert LaggedTargets.of(100, 5, 1024).every == 1
    assert LaggedTargets.of(100, 5, 1025).every == 2
    assert LaggedTargets.of(MAX_LAGS + 1, 5, 0).lags == MAX_LAGS
    assert LaggedTargets.of(100, 5, 0).every == 1
    assert LaggedTargets(100, 5).size >= 105


def test_every_so_many_th_origin_is_looked_at_across_blocks():
    past, values = LaggedTargets(2, 1, every=3), noise(50)
    seen = [past.add(values, np.arange(begin, begin + 4))[0].tolist() for begin in (5, 9, 13)]
    assert seen == [[0, 3], [2], [1]]
    assert (past.seen, past.count) == (12, 4)


def test_the_shortest_of_equal_lags_is_the_copy():
    values = np.tile(noise(10), 30)
    rows = np.arange(40, 280)
    past, likeness = LaggedTargets.of(25, 1, len(rows)), LagCorrelationSums()
    chosen_, transform = past.add(values, rows)
    likeness.add(past, values[rows[chosen_] - 7, None], transform)
    found, _ = likeness.result(past)
    assert found.lag == found.lag_copy == 7
    assert found.past == pytest.approx(1)


def test_nothing_to_compare_says_why():
    assert LagCorrelationSums().result(LaggedTargets(3, 2))[1] == "nothing was scored"
    past, likeness = LaggedTargets(3, 2), LagCorrelationSums()
    _, transform = past.add(noise(20), np.arange(5, 15))
    likeness.add(past, np.full((10, 2), 4.0), transform)
    assert likeness.result(past)[1] == "the forecasts or the scored values do not change"


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
    found = score_on_a_sine(sine).spectrum.predictors["model"].lag_correlation
    assert found.lag_copy is None
    assert found.target > 0.98


def test_many_origins_are_thinned_evenly():
    past = LaggedTargets.of(5, 2, 10_000)
    values = walk(20_000)
    seen = [past.add(values, block)[0] for block in np.array_split(np.arange(5, 10_005), 79)]
    assert past.count == sum(map(len, seen)) == 1000
    assert past.total.shape == (7,)
