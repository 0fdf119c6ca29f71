"""Origins sampled over a part: what they are compared with lies in the part, and all of it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.config import Window
from forecaster.signal import sampling
from forecaster.signal.windows import Runs, Windows

WINDOW = Window(n_step=4, n_input=5)


def halves(rows, begin, middle, channels=2):
    """Two parts of the targets of a recording, which ends with the second; values are their row numbers."""
    values = np.repeat(np.arange(rows, dtype=float)[:, None], channels, axis=1)
    runs = Runs.join([values], np.zeros(channels), np.ones(channels))
    bounds = [np.full(channels, one, dtype=np.int64) for one in (begin, middle, rows)]
    return [Windows.between(runs, (low, high), WINDOW) for low, high in pairwise(bounds)]


@st.composite
def parts(draw):
    begin = draw(st.integers(20, 60))
    middle = begin + draw(st.integers(0, 60))
    rows = middle + draw(st.integers(5, 60))
    return halves(rows, begin, middle), begin, middle, rows


@given(parts(), st.integers(1, 4))
def test_every_target_of_each_part_counts_at_every_step_that_origins_can_reach(found, ahead):
    both, begin, middle, rows = found
    bounds = ((begin, middle), (middle, rows))
    first = begin if len(both[0]) else middle
    last = rows - 5
    for own, sample, (low, high) in zip(both, sampling.of_folds(both, 1, ahead), bounds, strict=True):
        if not len(own):
            assert not len(sample)
            continue
        truth, places = sample.y_true(), np.concatenate([one.rows for one in sample.origins])
        assert places.min() == max(first, low - ahead * 5 + 1)
        assert places.max() == min(high - 1, last)
        for step in range(ahead * 5):
            known = truth[:, step][np.isfinite(truth[:, step])]
            reached = np.arange(max(low, places.min() + step), min(high, places.max() + step + 1))
            np.testing.assert_array_equal(known, reached)


@given(parts(), st.integers(1, 4))
def test_nothing_outside_the_part_is_compared_with(found, ahead):
    (before, own), _, middle, _ = found
    for sample in (
        sampling.of_folds([before, own], 0, ahead)[1],
        sampling.near(own, 0),
        sampling.far(own, 0, min(ahead, sampling.segments(own))),
    ):
        truth = sample.y_true()
        assert truth[np.isfinite(truth)].min() >= middle


@given(parts())
def test_halves_have_all_targets_and_a_sample_without_one_is_the_other(found):
    (before, own), begin, middle, rows = found
    half, sample = (middle + rows) // 2, sampling.near(own, 0)
    bounds = ((middle, half), (half, rows)) if half - middle >= WINDOW.n_input else ((middle, rows), (rows, rows))
    for windows, (low, high) in zip(own.halves(), bounds, strict=True):
        assert windows.targets.tolist() == [high - low] * 2
        left = sample.y_true_without(windows)
        np.testing.assert_array_equal(
            np.unique(left[np.isfinite(left)]), np.setdiff1d(np.arange(middle, rows), np.arange(low, high))
        )
    whole = before.through(own)
    assert (whole.targets == rows - (begin if len(before) else middle)).all()
    assert (before.through(before).first == before.first).all()


def test_where_there_is_no_part_before_the_origins_lie_in_the_part():
    before, own = halves(100, 60, 60)
    assert not len(before)
    empty, sample = sampling.of_folds([before, own], 0, 3)
    assert not len(empty)
    assert min(one.rows.min() for one in sample.origins) == 60


def test_long_parts_have_their_origins_evenly_spread_and_each_as_densely():
    found = sampling.of_folds(halves(9000, 3000, 5000, channels=1), 0, 4)
    for sample in found:
        assert np.ptp(np.diff(sample.origins[0].rows)) <= 1
        assert np.diff(sample.origins[0].rows).mean() == pytest.approx(6000 / (2 * sampling.FAR), rel=0.05)
        assert np.isfinite(sample.y_true()[:, -1]).sum() >= 0.9 * len(sample)
    assert sum(len(one) for one in found) == pytest.approx(2 * sampling.FAR, abs=2)


def test_origins_are_denser_where_few_reach_the_last_step():
    lengths = [3000, *[400] * 9]
    runs = Runs.join([np.arange(rows, dtype=float)[:, None] for rows in lengths], np.zeros(1), np.ones(1))
    bounds = [np.array([share * rows // 10 for rows in lengths]) for share in (5, 8, 10)]
    both = [Windows.between(runs, (low, high), WINDOW) for low, high in pairwise(bounds)]
    loose, last = (
        np.concatenate([one.y_true() for one in sampling.of_folds(both, 0, ahead)])[:, -1] for ahead in (1, 80)
    )
    assert np.isfinite(last).sum() == pytest.approx(sampling.ENOUGH, rel=0.1)
    assert np.isfinite(loose).sum() == pytest.approx(sampling.NEAR, rel=0.05)


def test_how_far_a_part_reaches_is_not_for_one_long_recording_to_say():
    def reach(*targets):
        window = Window(n_step=60, n_input=5)
        runs = Runs.join([np.zeros((window.context + rows, 2)) for rows in targets], np.zeros(2), np.ones(2))
        begin = np.full(2 * len(targets), window.context)
        return sampling.segments(Windows.between(runs, (begin, begin + np.repeat(targets, 2)), window))

    assert reach(300) == 40  # 101 of 300 targets are left for step 200
    assert reach(300, 300) == 40
    assert reach(300, *[30] * 10) == 20  # 201 of 600 for step 100, all of the long recording
    assert reach(9) == 1
