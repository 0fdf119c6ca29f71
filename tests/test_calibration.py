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
    found = sampling.stretches([*parts.validation.halves(), parts.calibration], 0, 1)
    return [errors[begin:end] for begin, end in pairwise(np.cumsum([0, *(len(one) for one in found)]))]


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(300, 1200))
def test_every_target_counts_once_from_every_origin_and_the_last_step_has_a_third(rows):
    parts = parts_of(wave(rows))
    (b1, b2), (one,) = boundaries(rows, Split()), fitted(parts, "mean")
    targets = b2 - b1
    (found,) = residuals(one, parts, (one, one))
    steps = found.errors.shape[1]
    counts = (~np.isnan(found.errors)).sum(axis=0)
    assert counts[:10].tolist() == [targets - 9] * 10
    assert counts[10:].tolist() == (targets - np.arange(10, steps)).tolist()
    assert steps == 10 or (counts[-1] > targets // 3 and counts[-1] >= sampling.FEWEST)


def test_a_stretch_is_judged_by_what_was_found_without_it_and_the_last_by_what_forecasts():
    parts = parts_of(wave(1200))
    one, other = fitted(parts, "last-value", "mean")
    (plain,) = residuals(other, parts, (other, other))
    (mixed,) = residuals(other, parts, (one, other))
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


@pytest.mark.parametrize(("rows", "stretches"), [(220, 1), (1200, 3)])
def test_halves_that_hold_no_window_are_left_out(rows, stretches):
    parts = parts_of(wave(rows))
    (one,) = fitted(parts, "mean")
    (found,) = residuals(one, parts, (one, one))
    kept = [part for part in (*parts.validation.halves(), parts.calibration) if len(part)]
    assert len(kept) == stretches
    assert (~np.isnan(found.errors[:, 0])).sum() == sum(int(part.targets[0]) for part in kept) - 9


def test_errors_that_come_in_runs_count_by_the_runs():
    noise = np.random.default_rng(4).normal(size=9000)
    counts = []
    for values in (noise, np.repeat(noise[:450], 20)):
        parts = parts_of(values)
        counts.append(int(residuals(*fitted(parts, "mean"), parts)[0].separate[0]))
    targets = 1350
    assert counts[0] > 0.7 * targets
    assert targets / 40 < counts[1] < counts[0] / 5
