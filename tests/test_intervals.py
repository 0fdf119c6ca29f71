"""Bands: the right rank, the promised coverage, and a reason wherever there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forecaster.conformal import bands


@given(origins=st.integers(1, 250), level=st.integers(1, 99), seed=st.integers(0, 50))
def test_a_bound_is_the_residual_of_its_rank(origins, level, seed):
    residuals = np.random.default_rng(seed).normal(size=(origins, 3))
    state, quantiles = bands.calibrate([residuals])
    half, reason = bands.band(state, quantiles, level, channel=0, horizon=3)
    rank = int(np.ceil(round((origins + 1) * level / 100, 9)))
    assert (half is None) == (rank > origins) == bool(reason) == (origins < bands.needed(level))
    if half is not None:
        expected = np.sort(np.abs(residuals), axis=0)[rank - 1]
        np.testing.assert_allclose(half, expected, rtol=1e-6)
        assert (half >= expected).all()


def test_new_targets_are_covered_as_promised():
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(300):
        state, quantiles = bands.calibrate([rng.standard_t(3, size=(39, 4))])
        half, _ = bands.band(state, quantiles, 90, channel=0, horizon=4)
        shares.append(np.mean(np.abs(rng.standard_t(3, size=(50, 4))) <= half))
    assert np.mean(shares) == pytest.approx(0.90, abs=0.01)


def test_wider_levels_are_never_narrower():
    _, quantiles = bands.calibrate([np.random.default_rng(0).normal(size=(150, 5))])
    assert quantiles.shape == (1, 5, 99)
    assert quantiles.dtype == np.float32
    assert (np.diff(quantiles, axis=2) >= 0).all()


def test_each_channel_has_its_own_band():
    state, quantiles = bands.calibrate([np.ones((20, 2)), np.full((30, 2), -4.0)])
    assert state.origins == (20, 30)
    assert bands.band(state, quantiles, 50, channel=1, horizon=2)[0].tolist() == [
        4,
        4,
    ]


def test_a_channel_without_origins_has_no_band_beside_one_that_has():
    state, quantiles = bands.calibrate([np.ones((20, 2)), np.zeros((0, 2))])
    assert np.isfinite(quantiles).all()
    assert "there are 0" in bands.band(state, quantiles, 90, channel=1, horizon=2)[1]


def test_no_origin_at_all():
    state, quantiles = bands.calibrate([np.zeros((0, 9)), np.zeros((0, 9))])
    assert state.horizon == 0
    assert quantiles.shape == (2, 0, 99)
    half, reason = bands.band(state, quantiles, 90, channel=0, horizon=1)
    assert half is None
    assert reason == "the validation part is too short to calibrate bands by"


def test_beyond_the_calibrated_steps():
    state, quantiles = bands.calibrate([np.ones((20, 5))])
    half, reason = bands.band(state, quantiles, 90, channel=0, horizon=6)
    assert half is None
    assert "5 steps" in reason


def test_residuals_that_ran_away_stay_finite():
    _, quantiles = bands.calibrate([np.array([[np.inf], [np.nan], [1e300]])])
    assert np.isfinite(quantiles).all()


@pytest.mark.parametrize(
    "bad",
    [
        {"levels": (0,)},
        {"levels": (100,)},
        {"levels": (90, 50)},
        {"levels": tuple(range(1, 99)) * 2},
        {"horizon": -1},
        {"horizon": 10**9},
        {"origins": (-1,)},
        {"reason": "x" * 300},
        {"more": 1},
    ],
)
def test_a_state_out_of_range_is_refused(bad):
    with pytest.raises(ValidationError):
        bands.IntervalState(**bad)


def test_a_state_survives_json():
    state, _ = bands.calibrate([np.ones((20, 5))])
    assert bands.IntervalState.model_validate_json(state.model_dump_json()) == state


def test_origins_that_overlap_do_not_count_as_separate():
    errors = np.arange(1.0, 101.0)[:, None]
    alone, _ = bands.band(*bands.calibrate([errors]), 80, channel=0, horizon=1)
    few, _ = bands.band(*bands.calibrate([errors], [np.array([10])]), 80, channel=0, horizon=1)
    one, _ = bands.band(*bands.calibrate([errors], [np.array([1])]), 80, channel=0, horizon=1)
    assert (alone[0], few[0], one[0]) == (81, 84, 100)


@pytest.mark.parametrize("level", [80, 95])
def test_errors_that_resemble_each_other_cover_what_they_promise_on_average(level):
    """Moving averages of white noise, which are worth as many as the quantile of a sample wavers."""
    from scipy.special import erf

    def covered(bound):
        return erf(bound / np.sqrt(2))

    rng, size, long = np.random.default_rng(3), 600, 40
    sums = np.cumsum(rng.normal(size=(size + long, 2000)), axis=0)
    errors = (sums[long:] - sums[:-long]) / np.sqrt(long)
    plain = covered(np.quantile(np.abs(errors), level / 100, axis=0))
    worth = round(level * (100 - level) / 1e4 / plain.var())
    _, quantiles = bands.calibrate([errors], [np.full(2000, worth)])
    found = covered(quantiles[0, :, level - 1].astype(float)).mean()
    assert found == pytest.approx(level / 100, abs=0.006)
    assert plain.mean() < level / 100 - 0.006


def test_a_step_with_fewer_origins_has_its_own_ranks():
    errors = np.stack([np.arange(1.0, 101.0), np.where(np.arange(100) < 20, np.arange(1.0, 101.0), np.nan)], axis=1)
    state, quantiles = bands.calibrate([errors])
    half, _ = bands.band(state, quantiles, 90, channel=0, horizon=2)
    assert half.tolist() == [91, 19]
    assert state.origins == (20,)


@pytest.mark.parametrize("separate", [9, 60])
@pytest.mark.parametrize("level", [80, 95])
def test_what_a_band_covers_is_as_likely_as_it_says(separate, level):
    rng, covered = np.random.default_rng(11), []
    for _ in range(1500):
        _, quantiles = bands.calibrate([rng.random((separate, 1))])
        covered.append(quantiles[0, 0, level - 1])  # of uniform errors the bound is the share that lies below it
    low, high = bands.likely(level, separate)
    assert 0.93 <= np.mean((low <= np.array(covered)) & (np.array(covered) <= high)) <= 0.97


def test_the_worth_of_a_horizon_lies_between_that_of_the_next_segment_and_that_of_the_loop():
    worth = np.array([40, 40, 9, 10, 11])
    state, _ = bands.calibrate([np.ones((90, 5)), np.ones((90, 5))], [worth, np.full(5, 90)], n_input=2)
    assert state.separate == ((40, 10), (90, 90))
    found = [bands.effective_sample_size(state, 0, horizon, 2) for horizon in (1, 2, 4)]
    assert found == pytest.approx([40, 40, ((40**-0.5 + 10**-0.5) / 2) ** -2])
    assert bands.effective_sample_size(state, 1, 4, 2) == pytest.approx(90)


def test_few_separate_errors_far_ahead_are_not_hidden_by_many_near():
    rng, covered = np.random.default_rng(5), []
    state, _ = bands.calibrate([np.ones((900, 2))], [np.array([900, 9])], n_input=1)
    for _ in range(1500):
        near, far = rng.random((900, 1)), rng.random((9, 1))
        covered.append(np.mean([bands.calibrate([one])[1][0, 0, 79] for one in (near, far)]))
    low, high = bands.likely(80, bands.effective_sample_size(state, 0, 2, 1))
    assert np.mean((low <= np.array(covered)) & (np.array(covered) <= high)) >= 0.94


def test_a_channel_without_origins_was_made_of_nothing():
    state, _ = bands.calibrate([np.ones((20, 2)), np.zeros((0, 2))], [np.array([20, 20]), np.array([1, 1])], n_input=1)
    assert state.separate == ((20, 20), (0, 0))
    assert bands.effective_sample_size(state, 1, 1, 1) is None


def test_a_worth_that_is_not_known_is_none():
    older, _ = bands.calibrate([np.ones((90, 2))])
    assert bands.effective_sample_size(older, 0, 1, 2) is None
    near, _ = bands.calibrate([np.ones((90, 2))], [np.array([40, 40])], n_input=2)
    assert (bands.effective_sample_size(near, 0, 2, 2), bands.effective_sample_size(near, 0, 3, 2)) == (40, None)
