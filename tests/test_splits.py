import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.config import Split
from forecaster.signal.windows import boundaries, chosen_until


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
