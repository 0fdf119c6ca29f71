from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import Window
from forecaster.signal.windows import Runs, Windows, suggest


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


@pytest.mark.parametrize(
    ("step_s", "rows", "expected"),
    [
        (1800, 7000, (25, 48)),  # half-hours: a day
        (3600, 12_000, (25, 24)),
        (300, 15_000, (10, 288)),
        (60, 100_000, (25, 60)),  # minutes: a day has too many, so an hour
        (86_400, 1000, (25, 7)),  # days: a week
        (7 * 86_400, 2000, (7, 52)),  # weeks: a year
        (30.44 * 86_400, 400, (6, 12)),
        (365.25 * 86_400, 300, (7, 8)),  # years: no span holds two of them
        (3600, 300, (7, 8)),  # too short for four days
        (0.001, 40_000, (25, 100)),
    ],
)
def test_on_a_calendar_a_segment_is_a_span_that_people_think_in(step_s, rows, expected):
    assert suggest(rows, None, step_s) == expected


@pytest.mark.parametrize("period", [30, 100, 416, 3000])
def test_a_suggested_window_covers_two_periods_if_there_is_room(period):
    n_step, n_input = suggest(100_000, period)
    assert n_step * n_input >= 2 * period * 0.98


def joined_runs():
    """Two recordings of two channels and two exogenous ones, each sample its own number."""
    values = [np.arange(40.0).reshape(10, 4), 100 + np.arange(48.0).reshape(12, 4)]
    return values, Runs.join(values, np.zeros(4), np.ones(4), exogenous=2)


def test_exogenous_channels_lie_beside_each_at_its_own_time():
    values, runs = joined_runs()
    assert runs.channels == 2
    assert runs.flat.tolist() == [*values[0][:, 0], *values[0][:, 1], *values[1][:, 0], *values[1][:, 1]]
    assert runs.covariates.tolist() == np.concatenate(values)[:, 2:].tolist()
    assert runs.covariate_start.tolist() == [0, 0, 10, 10]
    assert runs.start.tolist() == [0, 10, 20, 32]
    assert [runs.targets(r).tolist() for r in range(4)] == [
        values[0][:, :2].tolist(),
        values[0][:, :2].tolist(),
        values[1][:, :2].tolist(),
        values[1][:, :2].tolist(),
    ]


def test_each_column_is_scaled_by_its_own():
    values, mean, scale = np.arange(12.0).reshape(4, 3), np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 8.0])
    runs = Runs.join([values], mean, scale, exogenous=1)
    expected = ((values - mean) / scale).astype(np.float32)
    assert runs.flat.tolist() == [*expected[:, 0], *expected[:, 1]]
    assert runs.covariates[:, 0].tolist() == expected[:, 2].tolist()
    assert runs.covariates.dtype == runs.flat.dtype == np.float32
    assert Runs.join([values], mean, scale).covariates.shape == (0, 0)


@pytest.mark.parametrize("known", [0, 1, 2])
@pytest.mark.parametrize(("stride", "begins"), [(1, (0, 7)), (2, (5, 0))])
def test_what_is_known_is_seen_a_segment_ahead(known, stride, begins):
    values, runs = joined_runs()
    window = Window(n_step=2, n_input=2, stride=stride, exogenous=2, known=known)
    begin = np.repeat(begins, 2)
    windows = Windows.between(runs, (begin, runs.length), window)
    multivariate = replace(windows, window=window.model_copy(update={"others": 1}))
    index = np.arange(len(windows))
    inputs, targets = windows.take(index)
    number = 0
    for r in range(4):
        rows, channel = values[r // 2], r % 2
        first = max(begins[r // 2] - 4, 0)
        for t in range(first, len(rows) - 5, stride):
            past, ahead = rows[t : t + 4], rows[t + 2 : t + 6]
            beside = np.concatenate((past[:, 2 : 4 - known], ahead[:, 4 - known : 4]), axis=1)
            seen = windows.covariates(index)
            if known < 2:
                assert seen.past[number].tolist() == past[:, 2 : 4 - known].tolist()
            if known:
                assert seen.future[number].tolist() == rows[t : t + 6, 4 - known :].tolist()
            steps = [[*past[s : s + 2, channel], *beside[s : s + 2].T.ravel()] for s in (0, 2)]
            assert inputs[number].tolist() == steps
            assert targets[number].tolist() == rows[t + 4 : t + 6, channel].tolist()
            assert windows.contexts(index)[number].tolist() == past[:, channel].tolist()
            assert multivariate.covariates(index).targets[number].tolist() == past[:, :2].tolist()
            number += 1
    assert number == len(windows)


def test_the_others_and_a_mark_stand_behind_the_own_segment():
    runs = Runs.join([np.arange(18.0).reshape(6, 3)], np.zeros(3), np.ones(3))
    window = Window(n_step=2, n_input=2, others=2)
    inputs, targets = all_windows(runs, window).take(np.array([1]))
    assert inputs.tolist() == [
        [
            [1, 4, 0, 3, 2, 5, 0, 0, 1, 1, 0, 0],
            [7, 10, 6, 9, 8, 11, 0, 0, 1, 1, 0, 0],
        ]
    ]
    assert targets.tolist() == [[13, 16]]


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_farther_windows_lie_over_the_same_rows(stride, ahead):
    window, runs = Window(n_step=2, n_input=2, stride=stride), runs_of(20, 5, 6, 12)
    windows = all_windows(runs, window)
    assert windows.covered.tolist() == [0 if n < 6 else 6 + (n - 6) // stride * stride for n in (20, 5, 6, 12)]
    far = windows.farther(ahead)
    span = 4 + 2 * ahead
    assert far.ahead == ahead
    assert far.span == span
    assert far.count.tolist() == [0 if c < span else (c - span) // stride + 1 for c in windows.covered]
    _, targets = far.take(np.arange(len(far)))
    assert targets.shape == (len(far), 2 * ahead)
    assert targets[0].tolist() == list(range(4, 4 + 2 * ahead))
    assert far.before.tolist() == [0, *np.cumsum(far.count)[:-1]]
    directly = Windows.between(runs, (np.zeros(4, dtype=np.int64), windows.covered), window, ahead=ahead)
    assert directly.count.tolist() == far.count.tolist()
    assert directly.ahead == ahead


def test_windows_know_the_channel_of_their_run():
    windows = all_windows(runs_of(10, 3, 9, channels=2), Window(n_step=2, n_input=2))
    assert windows.channels(np.arange(len(windows))).tolist() == [0] * 5 + [1] * 5 + [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("rows", "period", "expected"),
    [
        (9, None, None),
        (10, None, (1, 2)),
        (10, 1.0, (1, 2)),
        (100, None, (4, 5)),
        (12_500, None, (25, 100)),
        (1_000_000, None, (25, 100)),
        (1_000_000, 1250.0, (25, 100)),
        (1_000_000, 1251.0, (25, 100)),
        (1_000_000, 2000.0, (25, 160)),
        (1_000_000, 2000.1, (25, 160)),
        (15_000, 2000.0, (25, 120)),
        (2_000, 30.0, (13, 30)),
        (122_000, 11.58, (25, 100)),
        (122_000, 58.3, (21, 117)),
    ],
)
def test_the_suggested_window(rows, period, expected):
    assert suggest(rows, period) == expected


def test_the_stretch_of_a_part_begins_where_its_windows_do():
    runs = runs_of(20, 12)
    windows = Windows.between(runs, (np.array([9, 4]), np.array([15, 12])), Window(n_step=2, n_input=2))
    inputs, targets = windows.take(np.arange(len(windows)))
    assert inputs[0].tolist() == [[5, 6], [7, 8]]
    assert targets[0].tolist() == [9, 10]
    assert windows.stretch(0).tolist() == list(range(5, 15))
    assert np.shares_memory(windows.stretch(0), runs.flat)
