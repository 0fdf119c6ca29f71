from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.config import Split, Window
from forecaster.signal.windows import Runs, Windows, WindowSplits, boundaries, chosen_until


@given(st.integers(0, 10**9), st.integers(1, 98), st.data())
def test_the_parts_follow_each_other_and_cover_all_rows(rows, training, data):
    validation = data.draw(st.integers(1, 100 - training))
    split = Split(training=training, validation=validation, test=100 - training - validation)
    b1, b2 = boundaries(rows, split)
    assert 0 <= b1 <= b2 <= rows
    assert abs(b1 - rows * training / 100) <= 0.5
    if split.test == 0:
        assert b2 == rows


@pytest.mark.parametrize(
    ("b1", "b2", "n_input", "row"),
    [
        (100, 190, 10, 160),  # a third
        (100, 148, 10, 128),  # two segments are more than a third
        (100, 130, 10, 115),  # half is less than two segments
        (100, 121, 10, 111),  # half is one segment
        (100, 119, 10, 119),  # half holds no segment
        (100, 100, 1, 100),
        (0, 9, 3, 5),
    ],
)
def test_the_rows_that_choose_nothing(b1, b2, n_input, row):
    assert chosen_until(b1, b2, n_input) == row


@pytest.mark.parametrize(
    ("rows", "split", "expected"),
    [(10, Split(training=70, validation=15, test=15), (7, 8)), (0, Split(), (0, 0)), (1001, Split(), (701, 851))],
)
def test_the_rows_where_the_parts_begin(rows, split, expected):
    assert boundaries(rows, split) == expected


WINDOW = Window(n_step=3, n_input=4)


@pytest.fixture
def splits():
    """Two runs of 100 rows: targets train to row 60, validate to 84, and the last fold ends at 96."""
    runs = Runs.join([np.arange(200.0).reshape(100, 2)], np.zeros(2), np.ones(2))
    bounds = [np.full(2, row, dtype=np.int64) for row in (0, 60, 84, 96)]
    return WindowSplits(*(Windows.between(runs, part, WINDOW) for part in pairwise(bounds)))


def test_the_whole_validation_part_goes_to_the_end_of_the_last_fold(splits):
    whole = splits.whole_validation()
    assert whole.first.tolist() == [60 - WINDOW.context] * 2
    assert (whole.first + whole.covered).tolist() == [96, 96]
    assert replace(splits, last_fold=None).whole_validation() is splits.validation


def test_a_run_without_one_of_the_parts_has_the_windows_of_the_other(splits):
    none = np.zeros(2, dtype=np.int64)
    without_first = replace(splits, validation=replace(splits.validation, count=none)).whole_validation()
    assert without_first.first.tolist() == splits.last_fold.first.tolist()
    assert without_first.count.tolist() == splits.last_fold.count.tolist()
    without_last = replace(splits, last_fold=replace(splits.last_fold, count=none)).whole_validation()
    assert without_last.count.tolist() == splits.validation.count.tolist()


def test_the_folds_are_thirds_and_share_no_target(splits):
    rows = [(int(fold.first[0]) + WINDOW.context, int((fold.first + fold.covered)[0])) for fold in splits.folds()]
    assert rows == [(60, 72), (72, 84), (84, 96)]
    assert replace(splits, last_fold=None).folds() == []
    empty = replace(splits.last_fold, count=np.zeros(2, dtype=np.int64))
    assert replace(splits, last_fold=empty).folds() == []


def test_what_the_parts_share(splits):
    assert splits.window is WINDOW
    assert splits.channels == 2
    assert [len(part) for part in (splits.farther(2).training, splits.farther(2).validation)] == [
        len(splits.training) - 2 * WINDOW.n_input,
        len(splits.validation) - 2 * WINDOW.n_input,
    ]
