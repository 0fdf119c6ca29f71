"""Random tables with something in them that is no measurement: none comes out with other values."""

import pytest

from tests.faults.tables import counted


def test_of_random_tables_none_is_read_wrongly(tmp_path):
    outcomes, lines = counted(60, 7, tmp_path)
    assert not outcomes["wrong"], lines
    assert outcomes["read"] + outcomes["proposed"] >= 42


@pytest.mark.slow
def test_of_500_random_tables_none_is_read_wrongly(tmp_path):
    outcomes, lines = counted(500, 0, tmp_path)
    assert not outcomes["wrong"], lines
    assert outcomes["read"] + outcomes["proposed"] >= 380
