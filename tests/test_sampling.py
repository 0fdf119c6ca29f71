"""Origins sampled over a part: what they are compared with lies in the part, and all of it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecaster import sampling
from forecaster.config import Window
from forecaster.windows import Runs, Windows

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
def test_every_target_of_the_part_counts_at_every_step_that_origins_of_both_parts_can_reach(found, ahead):
    (before, own), begin, middle, rows = found
    sample = sampling.reaching(own, before, 1, ahead)
    truth, first = sample.truth(), min(begin, middle) if len(before) else middle
    places = np.concatenate([one.rows for one in sample.origins])
    assert places.min() == max(first, middle - (ahead - 1) * 5)
    assert places.max() == rows - 5
    for step in range(ahead * 5):
        known = truth[:, step][np.isfinite(truth[:, step])]
        reached = np.arange(max(middle, places.min() + step), min(rows, places.max() + step + 1))
        np.testing.assert_array_equal(known, reached)


@given(parts(), st.integers(1, 4))
def test_nothing_outside_the_part_is_compared_with(found, ahead):
    (before, own), _, middle, _ = found
    for sample in (
        sampling.reaching(own, before, 0, ahead),
        sampling.near(own, 0),
        sampling.far(own, 0, min(ahead, sampling.segments(own))),
    ):
        truth = sample.truth()
        assert truth[np.isfinite(truth)].min() >= middle


def test_where_there_is_no_part_before_the_origins_lie_in_the_part():
    before, own = halves(100, 60, 60)
    assert not len(before)
    sample = sampling.reaching(own, before, 0, 3)
    assert min(one.rows.min() for one in sample.origins) == 60


def test_a_long_part_has_its_origins_evenly_spread():
    before, own = halves(9000, 3000, 6000, channels=1)
    sample = sampling.reaching(own, before, 0, 4)
    places = sample.origins[0].rows
    assert len(places) == 2 * sampling.FAR
    assert np.ptp(np.diff(places)) <= 1
    assert np.isfinite(sample.truth()[:, -1]).sum() >= 0.9 * len(places)
