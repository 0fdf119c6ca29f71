from hypothesis import given
from hypothesis import strategies as st

from forecaster.config import Split
from forecaster.splits import boundaries


@given(st.integers(0, 10**9), st.integers(1, 98), st.data())
def test_the_parts_follow_each_other_and_cover_all_rows(rows, training, data):
    validation = data.draw(st.integers(1, 100 - training))
    split = Split(training=training, validation=validation, test=100 - training - validation)
    b1, b2 = boundaries(rows, split)
    assert 0 <= b1 <= b2 <= rows
    assert abs(b1 - rows * training / 100) <= 0.5
    if split.test == 0:
        assert b2 == rows
