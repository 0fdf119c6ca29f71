"""The future does not leak, and stamps stay in place: a few random series of each property."""

import pytest

from tests.faults import leakage


@pytest.mark.parametrize("name", leakage.PROPERTIES)
def test_it_holds_for_random_series(name):
    assert leakage.failures(name, 6, 1000) == []
