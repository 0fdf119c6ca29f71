"""The errors that the bands are made of: every validation target, each by what was found without it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster import sampling
from forecaster.calibration import residuals
from forecaster.config import RunConfig, Split, Window
from forecaster.predictors import Parts, kind
from forecaster.preparation import prepare
from forecaster.splits import boundaries
from tests.test_model import signal_of, wave

WINDOW = Window(n_step=4, n_input=10)


def parts_of(values) -> Parts:
    return prepare([signal_of(values)], RunConfig(window=WINDOW)).parts


def fitted(parts, *names):
    return [kind(name).fit(parts) for name in names]


def in_stretches(errors, parts):
    """Cut the errors of the next segment, which come first, into those of the three stretches."""
    found = sampling.stretches(parts.stretches(), 0, 1)
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
    assert plain.reference == mixed.reference


def test_the_usual_error_is_that_of_the_last_third():
    values = wave(1200)
    values[1000:] *= 3.0  # the last third of the validation part begins at row 960
    calm, loud = (residuals(*fitted(parts, "mean"), parts)[0] for parts in (parts_of(wave(1200)), parts_of(values)))
    assert loud.reference > 2 * calm.reference


def test_where_the_errors_of_one_stretch_are_larger_fewer_are_separate():
    rng = np.random.default_rng(3)
    values = rng.normal(size=9000)
    even = parts_of(values)
    values = values.copy()
    values[6300:7200] *= 8.0  # the first half of what chooses, whose local scale cannot know at once
    uneven = parts_of(values)
    counts = [int(residuals(*fitted(one, "mean"), one)[0].separate[0]) for one in (even, uneven)]
    assert counts[1] < counts[0]


def test_no_band_without_a_part_that_chose_nothing():
    parts = parts_of(wave(300))
    assert residuals(*fitted(parts, "mean"), Parts(parts.training, parts.validation))[0].errors.shape == (0, 10)


@pytest.mark.parametrize(("rows", "stretches"), [(120, 0), (220, 2), (1200, 3)])
def test_the_stretches_have_all_validation_targets(rows, stretches):
    parts = parts_of(wave(rows))
    found = parts.stretches()
    assert len(found) == stretches
    b1, b2 = boundaries(rows, Split())
    ends = [int(one.first[0]) + WINDOW.context + np.array([0, one.targets[0]]) for one in found]
    assert [begin for begin, _ in ends] == [b1, *(end for _, end in ends[:-1])][:stretches]
    assert not ends or ends[-1][1] == b2
    whole = parts.judging()
    assert int(whole.first[0]) + WINDOW.context == b1
    assert int(whole.targets[0]) == (b2 if stretches else b1 + int(parts.validation.targets[0])) - b1


def test_errors_that_come_in_runs_count_by_the_runs():
    noise = np.random.default_rng(4).normal(size=9000)
    counts = []
    for values in (noise, np.repeat(noise[:450], 20)):
        parts = parts_of(values)
        counts.append(int(residuals(*fitted(parts, "mean"), parts)[0].separate[0]))
    targets = 1350
    assert counts[0] > 0.7 * targets
    assert targets / 40 < counts[1] < counts[0] / 5
