"""A context in which the level jumps is taken to its new level; what only looks like a step stays as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.signal.level_shift import FEWEST, JUMP, largest_jump, without_shift

N = 10


def quiet(length=60, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, size=length)


def shifted(values, at, size):
    return np.where(np.arange(len(values)) < at, values, values + size)


@given(at=st.integers(N, 50), size=st.floats(10, 1e6), sign=st.sampled_from([-1, 1]), seed=st.integers(0, 50))
def test_a_step_is_gone_and_the_level_is_the_new_one(at, size, sign, seed):
    values = quiet(seed=seed)
    (healed,) = without_shift(shifted(values, at, sign * size)[None], np.array([2.0]), N)
    np.testing.assert_array_equal(healed[at:], (values + sign * size)[at:])
    np.testing.assert_allclose(healed[:at], (values + sign * size)[:at], atol=2 + 1e-6 * size)


def test_other_rows_stay_and_without_a_step_the_array_itself_comes_back():
    rows = np.stack([quiet(seed=1), shifted(quiet(seed=2), 30, 40), quiet(seed=3)])
    largest = np.full(3, 2.0)
    healed = without_shift(rows, largest, N)
    assert healed is not rows
    np.testing.assert_array_equal(healed[[0, 2]], rows[[0, 2]])
    calm = rows[[0, 2]]
    assert without_shift(calm, largest[:2], N) is calm


@pytest.mark.parametrize("width", [1, 2])
def test_a_glitch_is_no_step(width):
    values = quiet()
    values[30 : 30 + width] += 500
    np.testing.assert_array_equal(without_shift(values[None], np.array([2.0]), N)[0], values)


def test_the_very_last_samples_may_be_a_glitch_and_stay():
    values = shifted(quiet(), 60 - FEWEST + 1, 500)
    np.testing.assert_array_equal(without_shift(values[None], np.array([2.0]), N)[0], values)


def test_jumps_as_in_the_training_part_are_no_steps():
    values = shifted(quiet(), 30, 40)
    largest = largest_jump(values)
    np.testing.assert_array_equal(without_shift(values[None], np.array([largest / JUMP * 1.01]), N)[0], values)


def test_the_largest_jump_of_a_stretch():
    assert largest_jump(np.array([0.0, 3.0, 1.0, -4.0], dtype=np.float32)) == 5
    assert largest_jump(np.zeros(1)) == 0


@pytest.mark.parametrize(
    "moving",
    [
        1.6 * np.sin(2 * np.pi * np.arange(60) / 25),
        1.5 * np.tanh((np.arange(60) - 30) / 6),
        np.arange(60) * 0.5,
    ],
    ids=["a larger wave", "a slow change", "a ramp"],
)
def test_a_level_that_moves_by_itself_is_no_step(moving):
    largest = np.abs(np.diff(moving)).max() / JUMP * 0.9
    np.testing.assert_array_equal(without_shift(moving[None], np.array([largest]), N)[0], moving)


def test_a_level_that_came_back_is_at_its_old_level():
    values = quiet()
    values[-8:-3] += 500
    np.testing.assert_array_equal(without_shift(values[None], np.array([2.0]), N)[0][-3:], values[-3:])
    assert np.abs(np.median(without_shift(values[None], np.array([2.0]), N)[0])) < 2
