"""The errors that the bands are made of: every validation target, each by what was found without it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import RunConfig, Split, Window
from forecaster.conformal.local_scale import LOOKBACK, local_scale
from forecaster.conformal.residuals import effective_sample_sizes, residuals
from forecaster.forecasting.rollout import rollout_from
from forecaster.predictors import predictor_class
from forecaster.signal import sampling
from forecaster.signal.origins import Origins
from forecaster.signal.windows import WindowSplits, boundaries
from forecaster.training.preparation import prepare
from tests.test_model import signal_of, wave

WINDOW = Window(n_step=4, n_input=10)


def parts_of(values) -> WindowSplits:
    return prepare([signal_of(values)], RunConfig(window=WINDOW)).splits


def fitted(parts, *names):
    return [predictor_class(name).fit(parts) for name in names]


def in_stretches(errors, parts):
    """Cut the errors of the next segment, which come first, into those of the three stretches."""
    found = sampling.of_folds(parts.folds(), 0, 1)
    return [errors[begin:end] for begin, end in pairwise(np.cumsum([0, *(len(one) for one in found)]))]


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(300, 1200))
def test_every_target_counts_once_from_every_origin_and_the_last_step_has_a_third(rows):
    parts = parts_of(wave(rows))
    (b1, b2), (one,) = boundaries(rows, Split()), fitted(parts, "mean")
    targets = b2 - b1
    (found,) = residuals(one, parts)
    steps = found.errors.shape[1]
    counts = (~np.isnan(found.errors)).sum(axis=0)
    assert counts[:10].tolist() == [targets - 9] * 10
    assert counts[10:].tolist() == (targets - np.arange(10, steps)).tolist()
    assert steps == 10 or (counts[-1] > targets // 3 and counts[-1] >= sampling.FEWEST)


def test_each_stretch_is_judged_by_what_was_found_without_it():
    parts = parts_of(wave(1200))
    one, other = fitted(parts, "last-value", "mean")
    (plain,) = residuals(other, parts, (other, other, other))
    (mixed,) = residuals(other, parts, (one, other, other))
    same = [
        np.array_equal(a, b, equal_nan=True)
        for a, b in zip(in_stretches(plain.errors, parts), in_stretches(mixed.errors, parts), strict=True)
    ]
    assert same == [False, True, True]
    assert plain.reference_mse == mixed.reference_mse


def test_the_usual_error_is_that_of_the_last_third():
    values = wave(1200)
    values[1000:] *= 3.0  # the last third of the validation part begins at row 960
    calm, loud = (residuals(*fitted(parts, "mean"), parts)[0] for parts in (parts_of(wave(1200)), parts_of(values)))
    assert loud.reference_mse > 2 * calm.reference_mse


def test_errors_come_in_units_of_what_the_predictor_was_off_before():
    values = wave(1200)
    values[1000:] *= 3.0
    parts = parts_of(values)
    (one,) = fitted(parts, "mean")
    (found,) = residuals(one, parts)
    made = partial(rollout_from, one)
    for ahead, columns in ((1, slice(0, 10)), (found.errors.shape[1] // 10, slice(10, None))):
        samples = sampling.of_folds(parts.folds(), 0, ahead)
        expected = [
            (sample.forecasts(made) - sample.y_true())
            / local_scale(
                made,
                sample.origins,
                WINDOW,
                np.full(len(sample), found.reference_mse),
                horizon=10 * ahead,
                lookback=LOOKBACK,
            )
            for sample in samples
        ]
        rows = found.errors[~np.isnan(found.errors[:, columns]).all(axis=1), columns]
        expected = np.concatenate(expected)[:, columns]
        np.testing.assert_array_equal(rows, expected[~np.isnan(expected).all(axis=1)])


def test_where_the_errors_of_one_stretch_are_larger_fewer_are_separate():
    rng = np.random.default_rng(3)
    values = rng.normal(size=9000)
    even = parts_of(values)
    values = values.copy()
    values[6300:7200] *= 8.0  # the first half of what chooses, whose local scale cannot know at once
    uneven = parts_of(values)
    counts = [int(residuals(*fitted(one, "mean"), one)[0].effective_sizes[0]) for one in (even, uneven)]
    assert counts[1] < counts[0]


def test_no_band_without_a_part_that_chose_nothing():
    parts = parts_of(wave(300))
    assert residuals(*fitted(parts, "mean"), WindowSplits(parts.training, parts.validation))[0].errors.shape == (0, 10)


def test_a_short_recording_counts_whole_beside_a_long_one():
    parts = prepare([signal_of(wave(180)), signal_of(wave(1200), "long")], RunConfig(window=WINDOW)).splits
    bounds = [boundaries(rows, Split()) for rows in (180, 1200)]
    assert np.sum([one.targets for one in parts.folds()], axis=0).tolist() == [b2 - b1 for b1, b2 in bounds]


@pytest.mark.parametrize(("rows", "stretches"), [(120, 0), (220, 2), (1200, 3)])
def test_the_stretches_have_all_validation_targets(rows, stretches):
    parts = parts_of(wave(rows))
    found = parts.folds()
    assert len(found) == stretches
    b1, b2 = boundaries(rows, Split())
    ends = [int(one.first[0]) + WINDOW.context + np.array([0, one.targets[0]]) for one in found]
    assert [begin for begin, _ in ends] == [b1, *(end for _, end in ends[:-1])][:stretches]
    assert not ends or ends[-1][1] == b2
    whole = parts.whole_validation()
    assert int(whole.first[0]) + WINDOW.context == b1
    assert int(whole.targets[0]) == (b2 if stretches else b1 + int(parts.validation.targets[0])) - b1


def test_errors_that_come_in_runs_count_by_the_runs():
    noise = np.random.default_rng(4).normal(size=9000)
    counts = []
    for values in (noise, np.repeat(noise[:450], 20)):
        parts = parts_of(values)
        counts.append(int(residuals(*fitted(parts, "mean"), parts)[0].effective_sizes[0]))
    targets = 1350
    assert counts[0] > 0.7 * targets
    assert targets / 40 < counts[1] < counts[0] / 5


@pytest.mark.parametrize(("slow", "worth"), [(0.9, 217), (0.98, 71)])
def test_several_recordings_are_worth_what_chance_says(slow, worth):
    """`worth` by 4,000 simulations: the variance of the share that exceeds its bound is p (1 - p) / worth."""
    found = [effective_sample_sizes(*_apart(np.random.default_rng(seed), slow))[0] for seed in range(30)]
    assert np.median(found) == pytest.approx(worth, rel=0.35)


def _apart(rng, slow):
    """Return 20 runs of 80 errors at stride 1, of which each is `slow` times the one before and noise."""
    runs = []
    for _ in range(20):
        errors = [rng.normal()]
        for _ in range(79):
            errors.append(slow * errors[-1] + np.sqrt(1 - slow**2) * rng.normal())
        runs.append(np.array(errors)[:, None])
    origins = tuple(Origins(np.zeros(100), 0, np.arange(80)) for _ in runs)
    sample = sampling.Sample(tuple(range(20)), origins, (0,) * 20, (100,) * 20, 1)
    return [sample], [np.concatenate(runs)]


def test_what_stays_within_the_bound_does_not_count():
    """Sizes that change slowly, and a tenth and more that stand out, each by itself."""
    rng = np.random.default_rng(2)
    errors = np.repeat(rng.random(20), 100)
    errors[rng.choice(2000, 250, replace=False)] = 9.0
    sample = sampling.Sample((0,), (Origins(np.zeros(2001), 0, np.arange(2000)),), (0,), (2001,), 1)
    assert effective_sample_sizes([sample], [errors[:, None]])[0] > 1500
    few = np.repeat(rng.random(8), 20)  # too few exceed it: their sizes count
    sample = sampling.Sample((0,), (Origins(np.zeros(2001), 0, np.arange(160)),), (0,), (2001,), 1)
    assert effective_sample_sizes([sample], [few[:, None]])[0] < 20


def test_errors_that_ran_away_exceed_any_bound():
    rng = np.random.default_rng(2)
    errors = np.where(rng.random(2000) < 0.2, np.inf, rng.random(2000))
    sample = sampling.Sample((0,), (Origins(np.zeros(2001), 0, np.arange(2000)),), (0,), (2001,), 1)
    assert effective_sample_sizes([sample], [errors[:, None]])[0] > 1500
    assert effective_sample_sizes([sample], [np.repeat(errors[:20], 100)[:, None]])[0] < 40
