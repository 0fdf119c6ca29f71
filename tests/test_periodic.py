"""Ridge shared by the phases of a period: its map against sums laid out by hand, its period, its level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from forecaster.config import Window
from forecaster.predictors.fitting import Gram
from forecaster.predictors.periodic import Comb, PeriodicRidge, periods, solve
from forecaster.predictors.ridge import LevelRidge, squared_error
from forecaster.signal.context import Context
from tests.test_predictors import parts_of

WINDOW = Window(n_step=6, n_input=20)
spans = st.floats(1.0, 30.0, allow_nan=False).map(lambda p: round(p, 3))
seeds = st.integers(0, 2**32 - 1)


def daily(rows, period=12, seed=0):
    """A rhythm whose shape is redrawn slowly, on a level that wanders."""
    rng = np.random.default_rng(seed)
    days = rng.normal(0, 0.15, (rows // period + 1, period)).cumsum(axis=0) + 2 * np.sin(
        2 * np.pi * np.arange(period) / period
    )
    return days.ravel()[:rows] + rng.normal(0, 0.05, rows).cumsum() + rng.normal(0, 0.05, rows)


def mean_about(values, at, period):
    """The mean of a period about a sample: whole samples, and at both ends the share that is left of them."""
    distance = np.abs(np.arange(len(values)) - at)
    reach = int(np.ceil((period - 1) / 2))
    share = np.where(distance < reach, 1.0, np.where(distance == reach, (period - 2 * reach + 1) / 2, 0.0))
    return values @ share / period if reach else values[at]


def features(comb, context, h):
    """What sample h ahead is made of: the values at its teeth and the means about them, less the level."""
    distance = context - context @ comb.level
    return np.array(
        [*distance[comb.teeth[h]], *(mean_about(distance, at, comb.period) for at in comb.teeth[h].tolist())]
    )


@pytest.mark.parametrize(
    ("period", "taps", "cycle", "teeth", "last"),
    [
        (3.0, 7, [0, 0, 0, 1], [[4, 1], [5, 2], [6, 3], [4, 1]], 3),
        (2.5, 6, [0, 0, 1, 1], [[4, 1], [4, 2], [3, 0], [4, 2]], 2),
        (4.0, 4, [0, 0, 0, 0], [[0], [1], [2], [3]], 4),
    ],
)
def test_the_teeth_lie_whole_periods_before_and_the_level_is_the_last_period(period, taps, cycle, teeth, last):
    comb = Comb.of(period, taps, 4)
    assert comb.cycle.tolist() == cycle
    assert comb.teeth.tolist() == teeth
    np.testing.assert_allclose(comb.level, [0] * (taps - last) + [1 / last] * last)


@pytest.mark.parametrize("period", [2, 3, 4, 7, 24])
def test_the_mean_of_a_period_takes_a_rhythm_away(period):
    rhythm = np.random.default_rng(0).normal(size=period)
    comb = Comb.of(float(period), 20 * period, 5)
    smoothed = comb.smooth(np.tile(rhythm, 20)[:, None])[period:-period, 0]
    np.testing.assert_allclose(smoothed, rhythm.mean(), atol=1e-12)


@given(spans, seeds)
@settings(max_examples=60, deadline=None)
def test_the_map_is_what_the_sums_by_hand_are(period, seed):
    rng = np.random.default_rng(seed)
    comb = Comb.of(period, 60, 25)
    weights = rng.normal(size=(int(comb.cycle.max()) + 1, 2 * comb.teeth.shape[1]))
    context = rng.normal(3, 1, 60)
    by_hand = [
        context @ comb.level + features(comb, context, h) @ weights[k] for h, k in enumerate(comb.cycle.tolist())
    ]
    np.testing.assert_allclose(context @ comb.kernel(weights), by_hand, atol=1e-9)


@given(spans, seeds)
@settings(max_examples=20, deadline=None)
def test_the_normal_equations_are_those_of_all_windows(period, seed):
    window = Window(n_step=3, n_input=20)
    parts = parts_of(np.random.default_rng(seed).normal(1, 1, (240, 1)), window)
    comb = Comb.of(period, 60, 20)
    square, right, total = comb.equations(Gram.of(parts.training, 60))
    expected, towards, squares = np.zeros_like(square), np.zeros_like(right), 0.0
    for values in sliding_window_view(parts.training.stretch(0).astype(float), 80):
        for h, k in enumerate(comb.cycle.tolist()):
            row = features(comb, values[:60], h)
            expected[k] += np.outer(row, row)
            towards[k] += row * (target := values[60 + h] - values[:60] @ comb.level)
            squares += target**2
    np.testing.assert_allclose(square, expected, atol=1e-6)
    np.testing.assert_allclose(right, towards, atol=1e-6)
    assert total == pytest.approx(squares)


@given(spans, st.integers(30, 90), st.integers(1, 40))
def test_every_tooth_is_next_to_its_place(period, taps, count):
    comb = Comb.of(period, taps, count)
    periods_back = comb.cycle[:, None] + np.arange(1, comb.teeth.shape[1] + 1)
    back = taps + np.arange(count)[:, None] - comb.teeth
    assert np.abs(back - periods_back * period).max() <= 0.5 + 1e-9
    assert (np.diff(comb.teeth, axis=1) <= 0).all()
    assert comb.teeth.max() < taps


@pytest.mark.parametrize("kind", [PeriodicRidge, LevelRidge])
def test_it_follows_any_level(kind):
    fitted = kind.fit(parts_of(daily(2000)[:, None] + np.linspace(0, 9, 2000)[:, None], WINDOW))
    values = daily(120, seed=5)[None, :] / 4
    channel = np.zeros(1, dtype=np.int64)
    near = fitted.predict(Context(values, channel))
    np.testing.assert_allclose(fitted.predict(Context(values + 0.5, channel)), near + 0.5, atol=1e-5)
    assert not fitted.bias.any()


def test_the_period_is_found_and_beats_ridge_where_a_recording_is_short():
    parts = parts_of(daily(700)[:, None], WINDOW)
    assert 12 in periods(parts, WINDOW.context)
    periodic, ridge = (next(iter(kind.solutions(parts, 120))) for kind in (PeriodicRidge, LevelRidge))
    later = sliding_window_view(daily(3000)[700:], 140)
    errors = [np.square(later[:, :120] @ solution.kernel - later[:, 120:]).mean() for solution in (periodic, ridge)]
    assert errors[0] < 0.9 * errors[1]


def test_what_has_no_period_is_taken_by_segments():
    parts = parts_of(np.zeros((400, 1)), WINDOW)
    assert periods(parts, WINDOW.context) == [20.0]
    assert np.isfinite(PeriodicRidge.fit(parts).kernel).all()


def test_many_channels_name_the_period_that_most_of_them_have():
    columns = [daily(1500, period=17, seed=9), *(daily(1500, seed=k) for k in range(4))]
    assert periods(parts_of(np.stack(columns, axis=1), WINDOW, 5), WINDOW.context)[0] == pytest.approx(12, abs=0.05)


def test_several_segments_at_once_are_one_map():
    parts = parts_of(daily(2000)[:, None], WINDOW).farther(3)
    fitted = PeriodicRidge.fit(parts)
    assert fitted.parameters.segments == 3
    assert fitted.predict(Context(daily(120)[None, :], np.zeros(1, dtype=np.int64))).shape == (1, 60)


def test_the_error_is_that_of_the_map_and_the_best_stands_first():
    parts = parts_of(daily(1000)[:, None], WINDOW)
    solutions = list(solve(parts, 120, (12.0, 20.0)))
    moments = Gram.of(parts.validation, 120).product
    assert [solution.error for solution in solutions] == pytest.approx(
        [squared_error(moments, solution.kernel) for solution in solutions]
    )
    assert [solution.error for solution in solutions] == sorted(solution.error for solution in solutions)
