import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import Window
from forecaster.windows import Runs, Windows, suggest


def runs_of(*lengths, channels=1):
    """Runs whose every sample is its own number, so that a window shows where it was taken."""
    recordings, begin = [], 0
    for length in lengths:
        recordings.append(np.arange(begin, begin + length * channels, dtype=float).reshape(channels, length).T)
        begin += length * channels
    return Runs.join(recordings, np.zeros(channels), np.ones(channels))


def all_windows(runs, window):
    begin = np.zeros(len(runs.length), dtype=np.int64)
    return Windows.between(runs, (begin, runs.length), window)


shapes = st.fixed_dictionaries(
    {
        "n_step": st.integers(1, 5),
        "n_input": st.integers(1, 6),
        "stride": st.integers(1, 7),
    }
)


@settings(max_examples=200, deadline=None)
@given(shapes, st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(1, 3))
def test_every_window_is_there_once_in_order_and_within_one_run(shape, lengths, channels):
    window, runs = Window(**shape), runs_of(*lengths, channels=channels)
    windows = all_windows(runs, window)
    span = window.context + window.n_input
    expected = [
        runs.run(r)[t : t + span]
        for r in range(len(runs.length))
        for t in range(0, runs.length[r] - span + 1, window.stride)
    ]
    assert len(windows) == len(expected)
    if expected:
        inputs, targets = windows.take(np.arange(len(windows)))
        rows = np.concatenate([inputs.reshape(len(windows), -1), targets], axis=1)
        np.testing.assert_array_equal(rows, expected)


@settings(max_examples=100, deadline=None)
@given(shapes, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_views_show_what_take_gathers_and_copy_nothing(shape, lengths):
    window, runs = Window(**shape), runs_of(*lengths)
    windows = all_windows(runs, window)
    views = list(windows.views())
    assert sum(len(view.targets) for view in views) == len(windows)
    if views:
        inputs, targets = windows.take(np.arange(len(windows)))
        np.testing.assert_array_equal(np.concatenate([view.inputs for view in views]), inputs)
        np.testing.assert_array_equal(np.concatenate([view.targets for view in views]), targets)
        assert all(np.shares_memory(view.inputs, runs.flat) for view in views)


@settings(max_examples=100, deadline=None)
@given(shapes, st.integers(1, 200), st.floats(0.1, 0.9))
def test_a_target_lies_within_its_part(shape, length, share):
    window, runs, b1 = Window(**shape), runs_of(length), int(length * share)
    training = Windows.between(runs, (np.array([0]), np.array([b1])), window)
    validation = Windows.between(runs, (np.array([b1]), np.array([length])), window)
    if len(training):
        assert training.take(np.arange(len(training)))[1].max() < b1
    if len(validation):
        targets = validation.take(np.arange(len(validation)))[1]
        assert targets.min() >= b1
        assert targets.min() == max(b1, window.context)


def test_channels_are_named_for_every_window():
    windows = all_windows(runs_of(10, 8, channels=2), Window(n_step=2, n_input=2))
    assert windows.channels(np.arange(len(windows))).tolist() == [0] * 5 + [1] * 5 + [0] * 3 + [1] * 3


def test_scaling_by_blocks_equals_scaling_at_once():
    values = np.random.default_rng(0).normal(5, 3, ((1 << 20) + 17, 1))
    runs = Runs.join([values], np.array([5.0]), np.array([3.0]))
    np.testing.assert_array_equal(runs.flat, ((values[:, 0] - 5) / 3).astype(np.float32))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 100_000), st.none() | st.floats(2, 50_000))
def test_a_suggested_window_uses_at_most_a_fifth_of_the_training_rows(rows, period):
    found = suggest(rows, period)
    if found is None:
        assert rows < 10
    else:
        n_step, n_input = found
        assert 1 <= n_step * n_input <= rows // 5


@pytest.mark.parametrize("period", [30, 100, 416, 3000])
def test_a_suggested_window_covers_two_periods_if_there_is_room(period):
    n_step, n_input = suggest(100_000, period)
    assert n_step * n_input >= 2 * period * 0.98
